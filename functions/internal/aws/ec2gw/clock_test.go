package ec2gw

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// dated answers each request with the next Date, "" for none.
type dated struct {
	status int
	dates  []string
}

func (d *dated) Do(r *http.Request) (*http.Response, error) {
	h := http.Header{}
	if d.dates[0] != "" {
		h.Set("Date", d.dates[0])
	}
	d.dates = d.dates[1:]
	return &http.Response{StatusCode: d.status, Header: h, Body: io.NopCloser(strings.NewReader(deleted)), Request: r}, nil
}

func TestTheTimeIsThatOfEC2sLastAnswer(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		d := &dated{status, []string{"", "Sun, 22 Nov 2026 00:00:07 GMT", "", "tomorrow", "Sun, 22 Nov 2026 00:00:09 GMT"}}
		g := New(aws.Config{Region: "eu-central-1", HTTPClient: d, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}, Options{})
		if !g.Time().IsZero() {
			t.Errorf("before any answer it is %v", g.Time())
		}
		for n, second := range []int{-1, 7, 7, 7, 9} {
			_ = g.DeleteSnapshot(t.Context(), "snap-1")
			want := time.Date(2026, 11, 22, 0, 0, second, 0, time.UTC)
			if second < 0 {
				want = time.Time{}
			}
			if got := g.Time(); !got.Equal(want) {
				t.Errorf("status %d, answer %d: %v, want %v", status, n, got, want)
			}
		}
	}
}
