package workflow_test

import (
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// EC2 does not list resources that a service such as EKS Auto Mode manages, unless the request includes them.
func TestVolumesThatAServiceManagesAreSnapshottedAndAreNotOrphans(t *testing.T) {
	f := newFixture(t)
	f.instance("db", 1, "SnapshotDaily=3")
	f.account.AddInstance(ec2sim.Instance{
		ID: "i-node", Managed: true, Tags: map[string]string{"SnapshotDaily": "2", "Name": "node-1"},
		Volumes: []ec2sim.BlockDevice{{ID: "vol-node-0", Device: "/dev/xvda"}},
	})
	f.days(0, 4, nil)
	same(t, "days held", f.runsOf("vol-node-0"), []string{"24", "25"})
	f.noMail()
	s := f.tidier("last=1", 0)
	f.tidyDaily(s, 10)
	f.noMail()
	same(t, "days held, tidied up", f.runsOf("vol-node-0"), []string{"24", "25"})

	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Match: on("vol-node-0")})
	f.wait(time.Hour)
	same(t, "the run whose creates are denied", f.fire("SnapshotDaily").Error, "VolumesFailed")
	f.lastMail("node-1 (i-node), volume vol-node-0", "0 no longer exist")
}
