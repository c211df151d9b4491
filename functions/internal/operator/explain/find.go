package explain

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Directory has the calls of EC2 that look names up.
type Directory interface {
	FindInstances(ctx context.Context, idOrName string) ([]ebs.Instance, error)
	VolumesNamed(ctx context.Context, name string) ([]ebs.Volume, error)
	SnapshotsOfInstance(ctx context.Context, idOrName string) ([]ebs.Snapshot, error)
	SnapshotsOf(ctx context.Context, volumeID string) ([]ebs.Snapshot, error)
	SnapshotByID(ctx context.Context, id string) (s ebs.Snapshot, ok bool, err error)
	Volumes(ctx context.Context, ids []string) (map[string]ebs.Volume, error)
}

// Found is what a person means by a name.
type Found struct {
	Volumes  []string // IDs, in order
	Snapshot string   // the ID, if the person named a snapshot
}

// kinds are the kinds of names that are taken for IDs only, by how they begin: an instance may well be named i-….
var kinds = map[string]string{"vol-": "volume", "snap-": "snapshot"}

var idEnd = regexp.MustCompile(`^[0-9A-Za-z-]+$`)

// CheckName refuses what looks like an ID and is none: EC2 takes vol-* for all volumes.
func CheckName(name string) error {
	for prefix, kind := range kinds {
		if end, ok := strings.CutPrefix(name, prefix); ok && !idEnd.MatchString(end) {
			return fmt.Errorf("%q is not the ID of a %s, such as %s0123456789abcdef0", name, kind, prefix)
		}
	}
	return nil
}

// Find gives the volumes that a person means by the ID of a volume, a snapshot or an instance, or by the Name of an instance or a volume,
// those that are gone and have left snapshots too. Nothing found is nothing, and no error.
func Find(ctx context.Context, ec2 Directory, name string) (Found, error) {
	switch {
	case strings.HasPrefix(name, "vol-"):
		volumes, err := ec2.Volumes(ctx, []string{name})
		if err != nil || len(volumes) > 0 {
			return Found{Volumes: []string{name}}, err
		}
		left, err := ec2.SnapshotsOf(ctx, name)
		if err != nil || len(left) == 0 {
			return Found{}, err
		}
		return Found{Volumes: []string{name}}, nil
	case strings.HasPrefix(name, "snap-"):
		s, ok, err := ec2.SnapshotByID(ctx, name)
		if err != nil || !ok {
			return Found{}, err
		}
		return Found{Volumes: []string{s.VolumeID}, Snapshot: s.ID}, nil
	}
	var ids []string
	instances, err := ec2.FindInstances(ctx, name)
	if err != nil {
		return Found{}, err
	}
	for _, i := range instances {
		for _, v := range i.Volumes {
			ids = append(ids, v.VolumeID)
		}
	}
	volumes, err := ec2.VolumesNamed(ctx, name)
	if err != nil {
		return Found{}, err
	}
	for _, v := range volumes {
		ids = append(ids, v.ID)
	}
	left, err := ec2.SnapshotsOfInstance(ctx, name)
	if err != nil {
		return Found{}, err
	}
	var gone []string
	for _, s := range left {
		gone = append(gone, s.VolumeID)
	}
	slices.Sort(gone)
	var out []string
	for _, id := range slices.Concat(ids, gone) {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return Found{Volumes: out}, nil
}
