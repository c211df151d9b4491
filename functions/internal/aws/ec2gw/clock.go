package ec2gw

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// Time gives the time of EC2's last response, in whole seconds; zero if there was none. Decisions by age use this clock: by a local clock that
// is ahead, young snapshots look old.
func (g *Gateway) Time() time.Time {
	seconds := g.clock.Load()
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// clock is the time of EC2's last response, in seconds since 1970.
type clock struct{ atomic.Int64 }

// timed reads the Date header of each response, even of errors.
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
