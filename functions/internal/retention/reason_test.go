package retention

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func TestAReasonIsDataWithoutWordsForPeople(t *testing.T) {
	inBackup := managed("snap-9", ago(20))
	inBackup.Description = "This snapshot is created by the AWS Backup service"
	snapshots := append(row(3),
		managed("snap-4", noon.Add(-1)), inState(managed("snap-5", ago(4)), ebs.Error), inState(managed("snap-6", ago(5)), ebs.Pending),
		tagged(managed("snap-7", ago(6)), keyword, ""), tagged(managed("snap-8", ago(7)), keyword, "for ever"),
		inBackup, managed("snap-a", ago(30)), managed("snap-a", ago(30)))
	plan := Apply(Policy{Keyword: keyword, Rules: mustParse(t, "last=1 daily=2 weekly=2 within=1h")}, snapshots, noon)
	var got []string
	for _, d := range plan.Decisions {
		text, err := json.Marshal(d.Reason)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, verb(d)+" "+d.Snapshot.ID+" "+string(text))
	}
	want := []string{
		`keep snap-1 {"kind":"kept-by-rules","rules":[{"rule":"last","rank":1,"of":1},{"rule":"daily","period":"2026-11-22","rank":1,"of":2},` +
			`{"rule":"weekly","period":"2026-W47","rank":1,"of":2},{"rule":"within","age":"1h"}]}`,
		`keep snap-4 {"kind":"kept-by-rules","rules":[{"rule":"within","age":"1h"}]}`,
		`keep snap-2 {"kind":"kept-by-rules","rules":[{"rule":"daily","period":"2026-11-21","rank":2,"of":2}]}`,
		`remove snap-3 {"kind":"kept-by-no-rule","rules":[{"rule":"last","of":1},{"rule":"daily","of":2},{"rule":"weekly","period":"2026-W47","of":2},` +
			`{"rule":"within","age":"1h"}],"newerKept":3}`,
		`remove snap-5 {"kind":"failed","rules":[],"completedSince":"snap-1"}`,
		`keep snap-6 {"kind":"not-completed","rules":[],"state":"pending"}`,
		`keep snap-7 {"kind":"tag-removed","rules":[],"tag":"SnapshotDaily"}`,
		`keep snap-8 {"kind":"tag-changed","rules":[],"tag":"SnapshotDaily","from":"3","to":"for ever"}`,
		`keep snap-9 {"kind":"foreign","rules":[],"madeBy":"aws-backup"}`,
		`keep snap-a {"kind":"repeated","rules":[]}`,
		`keep snap-a {"kind":"repeated","rules":[]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
