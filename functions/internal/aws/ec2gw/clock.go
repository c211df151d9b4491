package ec2gw

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// Time gives EC2's clock, in whole seconds, as its last answer told it; the zero time if no answer has. Who decides by age takes this
// one: by a clock of this machine that is ahead, young snapshots look old.
func (g *Gateway) Time() time.Time {
	seconds := g.clock.Load()
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// clock is what EC2 said last, in seconds since 1970.
type clock struct{ atomic.Int64 }

// timed reads the time in the header of each answer, an error's too.
type timed struct {
	ec2.HTTPClient
	clock *clock
}

func (t timed) Do(r *http.Request) (*http.Response, error) {
	answer, err := t.HTTPClient.Do(r)
	if err == nil {
		if at, unreadable := http.ParseTime(answer.Header.Get("Date")); unreadable == nil {
			t.clock.Store(at.Unix())
		}
	}
	return answer, err
}
