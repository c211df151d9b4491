package sfngw

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/hang"
)

func TestACallToAServerThatHangsTimesOut(t *testing.T) {
	for _, start := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<"} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			err := func() error { _, err := New(hang.Config(start)).Running(t.Context(), arn); return err }()
			if took := time.Since(begin); err == nil || took != callTimeout {
				t.Errorf("after the start %q of an answer it ended after %v, want %v: %v", start, took, callTimeout, err)
			}
		})
	}
}
