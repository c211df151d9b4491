package ec2sim_test

import (
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestDescribeTags(t *testing.T) {
	f := newFixture(t)
	f.AddInstance(ec2sim.Instance{ID: "i-1", State: "running", Tags: map[string]string{"A": "1", "B": "2"},
		Volumes: []ec2sim.BlockDevice{{ID: "vol-1", Device: "/dev/sda", Tags: map[string]string{"A": "3"}}}})
	snapshot := f.AddSnapshot(ec2sim.Snapshot{})
	const ask = "Action=DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1="
	for _, c := range []struct{ name, form, want string }{
		{"gives the tags of what is named", ask + "i-1&Filter.1.Value.2=vol-1&Filter.2.Name=key&Filter.2.Value.1=A",
			"i-1 instance A 1, vol-1 volume A 3"},
		{"gives all of them without a key", ask + "i-1", "i-1 instance A 1, i-1 instance B 2"},
		{"gives nothing of what is not there", ask + "i-9", ""},
		{"refuses a question of all", "Action=DescribeTags", "InvalidParameterValue"},
		{"refuses a wildcard", ask + "i-*", "InvalidParameterValue"},
		{"refuses other filters", ask + "i-1&Filter.2.Name=tag-key&Filter.2.Value.1=A", "InvalidParameterValue"},
		{"refuses snapshots", ask + snapshot, "InvalidParameterValue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, body := post(t, f.Account, c.form)
			var got []string
			for _, item := range strings.Split(body, "<item>")[1:] {
				var words []string
				for _, name := range []string{"resourceId", "resourceType", "key", "value"} {
					_, rest, _ := strings.Cut(item, "<"+name+">")
					word, _, _ := strings.Cut(rest, "<")
					words = append(words, word)
				}
				got = append(got, strings.Join(words, " "))
			}
			if strings.HasPrefix(c.want, "Invalid") {
				if !strings.Contains(body, "<Code>"+c.want) {
					t.Errorf("it says %s", body)
				}
			} else if text := strings.Join(got, ", "); text != c.want || strings.Contains(body, "<Error>") {
				t.Errorf("it gives %q, want %q: %s", text, c.want, body)
			}
		})
	}
}
