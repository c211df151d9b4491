package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file anew")

// week is the demonstration as it is by default, played once for all tests that only look at it.
var week = sync.OnceValues(func() (*Result, error) { return Run(context.Background(), Options{Days: 7}) })

func aWeek(t *testing.T) *Result {
	t.Helper()
	r, err := week()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func textOf(r *Result, color bool) string {
	var b bytes.Buffer
	r.Print(&b, color)
	return b.String()
}

func TestTheWeekIsToldAsTheGoldenFileHasIt(t *testing.T) {
	got := textOf(aWeek(t), false)
	golden := filepath.Join("testdata", "week.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("the text changed; if it is meant to, go test ./functions/internal/sim/demo -update (-want +got):\n%s", d)
	}
}

// What the golden file can't show: it would be written with a broken promise, too.
func TestInAWeekEachPromiseHoldsAndEachSceneIsPlayed(t *testing.T) {
	r := aWeek(t)
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if got, want := len(r.Checks), 4; got != want {
		t.Errorf("%d checks, want %d", got, want)
	}
	text := textOf(r, false)
	for _, scene := range []string{
		"triggers one run of SnapshotDaily twice", "the answer is lost", "tries again and finds it", "by changing its tag", "by removing its tag",
		"launches web-2", "makes the first snapshot of web-2", "registers ami-web-golden", "refuses to delete", "disables the KMS key",
		"fails for web-1 /dev/sdf: SnapshotFailedError", "1 missing snapshot made", "has deleted the 4 failed snapshots",
		"in the middle of a run", "deleted since it began", "can't be read", "reads the tag of legacy-1 again",
	} {
		if !strings.Contains(flat(text), scene) {
			t.Errorf("nothing tells that %q", scene)
		}
	}
}

// flat gives a text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestAnyNumberOfDaysMakesSense(t *testing.T) {
	for _, days := range []int{1, 10} {
		if days > 1 && testing.Short() {
			continue
		}
		r, err := Run(context.Background(), Options{Days: days})
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			t.Errorf("%d days: %v", days, err)
			continue
		}
		if len(r.Days) != days || len(r.Star.Days) != days {
			t.Errorf("%d days: %d are counted, %d stand in the calendar", days, len(r.Days), len(r.Star.Days))
		}
		for _, e := range r.Story {
			if e.At.Before(r.From) || e.At.After(r.Until) {
				t.Errorf("%d days: %v is told, which is not one of them", days, e)
			}
		}
		fits(t, days, textOf(r, false))
	}
	fits(t, 4, textOf(fresh(t).result(), false))
	fits(t, 7, textOf(aWeek(t), false))
}

// fits fails on a line that is too wide, or ends in spaces, or has a number that makes no sense.
func fits(t *testing.T, days int, text string) {
	t.Helper()
	nonsense := regexp.MustCompile(`%!|<nil>|0001-01-01|\b1 \w+s\b (deleted|made|of|in)|\s$`)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); n > width {
			t.Errorf("%d days: a line of %d columns: %s", days, n, line)
		}
		if found := nonsense.FindString(line); found != "" {
			t.Errorf("%d days: %q in the line %q", days, found, line)
		}
	}
}

func TestColoursChangeNothingElse(t *testing.T) {
	colored := textOf(aWeek(t), true)
	if !strings.Contains(colored, "\x1b[32myes\x1b[0m") {
		t.Error("no check is green")
	}
	plain := regexp.MustCompile(`\x1b\[\d+m`).ReplaceAllString(colored, "")
	if d := cmp.Diff(textOf(aWeek(t), false), plain); d != "" {
		t.Errorf("without its colours the text differs (-want +got):\n%s", d)
	}
}

func TestTheResultIsReadableAsJSON(t *testing.T) {
	body, err := json.Marshal(aWeek(t))
	if err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(textOf(aWeek(t), false), textOf(&got, false)); d != "" {
		t.Errorf("what was read from JSON prints otherwise (-want +got):\n%s", d)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Instances", "Days", "Story", "Star", "Holdings", "Spared", "Mails", "Checks", "Account"} {
		if len(fields[name]) < len(`[{}]`) {
			t.Errorf("%s is %s", name, fields[name])
		}
	}
}

func TestCtrlCEndsIt(t *testing.T) {
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	soon, cancelSoon := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancelSoon()
	for name, ctx := range map[string]context.Context{"before it begins": stopped, "in the middle": soon} {
		r, err := Run(ctx, Options{Days: 60})
		if !errors.Is(err, ctx.Err()) || r != nil {
			t.Errorf("stopped %s: error %v, want %v", name, err, ctx.Err())
		}
	}
}

func TestTheFunctionsLogsCarryVirtualTime(t *testing.T) {
	var b bytes.Buffer
	if _, err := Run(context.Background(), Options{Days: 1, Log: slog.NewJSONHandler(&b, nil)}); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(&b)
	n := 0
	for {
		var line struct{ Time time.Time }
		if err := d.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if day := line.Time.Format(time.DateOnly); day != "2026-11-26" {
			t.Fatalf("a line of %s", day)
		}
		n++
	}
	if n < 100 {
		t.Errorf("%d lines", n)
	}
}
