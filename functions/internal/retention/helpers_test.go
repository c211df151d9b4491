package retention

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests count in time zones, whatever the machine has installed

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

var update = flag.Bool("update", false, "write the goldens anew; read the diff before you keep it")

const (
	keyword = "SnapshotDaily"
	stamped = "3"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) // a Sunday

// managed gives a completed snapshot of ours.
func managed(id string, start time.Time) ebs.Snapshot {
	return ebs.Made(ebs.Stamp{Keyword: keyword, Retention: stamped, RunID: ebs.RunID(keyword, start), InstanceID: "i-1"},
		ebs.Snapshot{ID: id, VolumeID: "vol-1", State: ebs.Completed, StartTime: start}, nil)
}

func inState(s ebs.Snapshot, state ebs.State) ebs.Snapshot {
	s.State = state
	return s
}

// tagged gives the snapshot with one tag changed, or without it if value is empty.
func tagged(s ebs.Snapshot, key, value string) ebs.Snapshot {
	tags := map[string]string{}
	maps.Copy(tags, s.Tags)
	tags[key] = value
	if value == "" {
		delete(tags, key)
	}
	s.Tags = tags
	return s
}

func ago(days int) time.Time { return noon.AddDate(0, 0, -days) }

func mustParse(t testing.TB, value string) Rules {
	t.Helper()
	r, err := Parse(value)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// lines writes a plan down, a decision a line: "keep snap-1 last 1 of 3".
func lines(p Plan) []string {
	var out []string
	for _, d := range p.Decisions {
		out = append(out, verb(d)+" "+d.Snapshot.ID+": "+d.Reason.String())
	}
	return out
}

func verb(d Decision) string {
	if d.Keep {
		return "keep"
	}
	return "remove"
}

// checkGolden compares with testdata/name.golden.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run go test with -update:\n%s", path, diff)
	}
}

// row gives n completed snapshots of ours, snap-1 the newest, a day apart.
func row(n int) []ebs.Snapshot {
	var snapshots []ebs.Snapshot
	for i := range n {
		snapshots = append(snapshots, managed(fmt.Sprintf("snap-%d", i+1), ago(i)))
	}
	return snapshots
}
