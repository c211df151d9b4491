package cost

import (
	"strings"
	"testing"
	"time"
)

func TestARunUsesThreeEC2CallsAndFewTransitionsForAVolume(t *testing.T) {
	const volumes = 300
	u, err := Measure(t.Context(), volumes)
	if err != nil {
		t.Fatal(err)
	}
	// Create, list, delete; and a handful for the run.
	if least, most := 3*volumes, 3*volumes+15; u.EC2Calls < least || u.EC2Calls > most {
		t.Errorf("%d EC2 calls, want %d to %d", u.EC2Calls, least, most)
	}
	if u.Calls != 2*volumes+2 {
		t.Errorf("%d function calls, want %d", u.Calls, 2*volumes+2)
	}
	if u.Transitions > 6*volumes {
		t.Errorf("%d state transitions of %d volumes, want at most 6 each, the instance's own among them", u.Transitions, volumes)
	}
	if bound := 41 * time.Second; u.Took < bound || u.Took > bound+4*time.Minute {
		t.Errorf("the run took %s; EC2's pace alone is %s", u.Took, bound)
	}
}

func TestTheCostIsWhatThePricesMakeOfTheUsage(t *testing.T) {
	u := Usage{Transitions: 1000, Calls: 1_000_000, GBSeconds: 2, S3Writes: 1000, S3Reads: 1000}
	if got, want := u.Cost(Prices{Transition: 1, GBSecond: 10, Request: 0.001, S3Write: 0.5, S3Read: 0.25}), 1000+1000+20+500+250.0; got != want {
		t.Errorf("cost %v, want %v", got, want)
	}
}

func TestTheTableHasALineForEachSize(t *testing.T) {
	var b strings.Builder
	Table(&b, []Usage{{Volumes: 10, Took: time.Minute}, {Volumes: 10_000, Transitions: 1_234_567}})
	for _, want := range []string{"| 10 | 1m0s | 0 |", "| 10,000 | 0s | 1,234,567 |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, b.String())
		}
	}
}
