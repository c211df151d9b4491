package ec2sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// This file is for tests: what people and other tools do in the account, and its true state without lag. It panics if an ID does not exist,
// since that is a mistake of the test.

// Instance is an instance to add, or an existing one.
type Instance struct {
	ID      string            // default: a new one
	State   string            // one of the Instance… constants; default running
	Root    string            // the device that it boots from; default: that of its first volume
	Tags    map[string]string // including those of AWS (aws:…)
	Volumes []BlockDevice
	// Managed says that a service (such as EKS Auto Mode) manages the instance and its volumes. EC2 lists them only with
	// IncludeManagedResources.
	Managed bool
}

// BlockDevice is a volume of an instance.
type BlockDevice struct {
	ID                  string            // vol-…; default: a new one. An existing volume is attached once more (multi-attach)
	Device              string            // e.g. /dev/xvda
	SizeGiB             int               // default 8
	Type                string            // default gp3
	Tags                map[string]string // the volume's
	DeleteOnTermination bool
	InstanceStore       bool // not an EBS volume: only Device is used
}

const defaultSizeGiB = 8

// AddInstance launches an instance with its volumes, and gives it with its IDs.
func (a *Account) AddInstance(in Instance) Instance {
	a.mu.Lock()
	defer a.mu.Unlock()
	if in.State == "" {
		in.State = InstanceRunning
	}
	if _, ok := instanceStateCodes[in.State]; !ok {
		panic("ec2sim: no instance state " + in.State)
	}
	if a.instances.byID[in.ID] != nil {
		panic("ec2sim: there is already an instance " + in.ID)
	}
	i := &instance{
		ident:        a.newIdent(instancePrefix, in.ID),
		state:        in.State,
		imageID:      "ami-00000000000000000",
		instanceType: "t3.micro",
		launchedAt:   a.now(),
		tags:         merged(in.Tags, nil),
		managed:      in.Managed,
	}
	i.reservationID = "r" + i.id[1:]
	if i.rootDevice = in.Root; i.rootDevice == "" && len(in.Volumes) > 0 {
		i.rootDevice = in.Volumes[0].Device
	}
	a.instances.add(i)
	for _, d := range in.Volumes {
		a.addDevice(i, d)
	}
	return a.copyInstance(i)
}

func (a *Account) addDevice(i *instance, d BlockDevice) {
	if d.InstanceStore {
		i.devices = append(i.devices, device{name: d.Device})
		return
	}
	v := a.volumes.byID[d.ID]
	if v == nil {
		v = a.addVolume(d)
		v.managed = i.managed
	}
	a.attach(v, i, d.Device, d.DeleteOnTermination)
}

func (a *Account) attach(v *volume, i *instance, name string, deleteOnTermination bool) device {
	d := device{name, v.id, deleteOnTermination, a.now()}
	i.devices = append(i.devices, d)
	v.attachedTo = append(v.attachedTo, i.id)
	return d
}

// AddVolume creates a volume that is not attached, and gives its ID. Device and DeleteOnTermination are ignored.
func (a *Account) AddVolume(d BlockDevice) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.volumes.byID[d.ID] != nil {
		panic("ec2sim: there is already a volume " + d.ID)
	}
	return a.addVolume(d).id
}

func (a *Account) addVolume(d BlockDevice) *volume {
	v := &volume{
		ident:     a.newIdent(volumePrefix, d.ID),
		sizeGiB:   cmp.Or(d.SizeGiB, defaultSizeGiB),
		kind:      cmp.Or(d.Type, "gp3"),
		zone:      a.zone(),
		createdAt: a.now(),
		tags:      merged(d.Tags, nil),
	}
	a.volumes.add(v)
	return v
}

// AttachVolume attaches a volume to another instance.
func (a *Account) AttachVolume(volumeID, instanceID, device string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attach(must(a.volumes.byID, volumeID), must(a.instances.byID, instanceID), device, false)
}

// DetachVolume detaches a volume from an instance.
func (a *Account) DetachVolume(volumeID, instanceID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.detach(must(a.volumes.byID, volumeID), must(a.instances.byID, instanceID))
}

func (a *Account) detach(v *volume, i *instance) {
	i.devices = slices.DeleteFunc(i.devices, func(d device) bool { return d.volumeID == v.id })
	v.attachedTo = slices.DeleteFunc(v.attachedTo, func(at string) bool { return at == i.id })
}

// DeleteVolume deletes a volume, attached or not. Its snapshots are kept.
func (a *Account) DeleteVolume(volumeID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := must(a.volumes.byID, volumeID)
	for _, id := range slices.Clone(v.attachedTo) {
		a.detach(v, a.instances.byID[id])
	}
	a.volumes.remove(v)
}

// SetInstanceState sets an instance's state. A terminated instance stays listed with its tags; its volumes are detached, and those with
// DeleteOnTermination are deleted.
func (a *Account) SetInstanceState(instanceID, state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := instanceStateCodes[state]; !ok {
		panic("ec2sim: no instance state " + state)
	}
	a.setState(must(a.instances.byID, instanceID), state)
}

// TagInstance sets a tag of an instance. It may be an aws: tag.
func (a *Account) TagInstance(instanceID, key, value string) { a.tag(instanceID, key, value) }

// UntagInstance removes a tag of an instance.
func (a *Account) UntagInstance(instanceID, key string) { a.untag(instanceID, key) }

// TagVolume sets a tag of a volume.
func (a *Account) TagVolume(volumeID, key, value string) { a.tag(volumeID, key, value) }

// UntagVolume removes a tag of a volume.
func (a *Account) UntagVolume(volumeID, key string) { a.untag(volumeID, key) }

// Instances gives all instances, sorted by ID.
func (a *Account) Instances() []Instance {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Instance
	for _, id := range slices.Sorted(maps.Keys(a.instances.byID)) {
		out = append(out, a.copyInstance(a.instances.byID[id]))
	}
	return out
}

// Instance gives an instance.
func (a *Account) Instance(id string) (Instance, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.instances.byID[id]
	if !ok {
		return Instance{}, false
	}
	return a.copyInstance(i), true
}

func (a *Account) copyInstance(i *instance) Instance {
	out := Instance{ID: i.id, State: i.state, Root: i.rootDevice, Tags: maps.Clone(i.tags), Managed: i.managed}
	for _, d := range i.devices {
		if d.volumeID == "" {
			out.Volumes = append(out.Volumes, BlockDevice{Device: d.name, InstanceStore: true})
			continue
		}
		v := a.volumes.byID[d.volumeID]
		out.Volumes = append(out.Volumes, BlockDevice{v.id, d.name, v.sizeGiB, v.kind, maps.Clone(v.tags), d.deleteOnTermination, false})
	}
	return out
}

func must[T any](byID map[string]T, id string) T {
	r, ok := byID[id]
	if !ok {
		panic(fmt.Sprintf("ec2sim: there is no %s", id))
	}
	return r
}

// Who deleted a snapshot, in Deletion.By.
const (
	ByAPI    = "api"
	ByPerson = "person"
)

// Deletion says who deleted which snapshot and when.
type Deletion struct {
	At       time.Time
	By       string   // ByAPI or ByPerson
	Snapshot Snapshot // at that time
}

// Snapshot is the true state of a snapshot, without lag.
type Snapshot struct {
	ebs.Snapshot
	OwnerID string
	Shared  bool // another account's, public or shared with this one; others of other accounts can't be seen
}

// Snapshots gives all existing snapshots, including other accounts', oldest first.
func (a *Account) Snapshots() []Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	out := make([]Snapshot, 0, len(a.snapshots.byID))
	for _, s := range a.snapshots.byID {
		out = append(out, a.copySnapshot(s, now))
	}
	slices.SortFunc(out, func(x, y Snapshot) int { return ebs.OldestFirst(x.Snapshot, y.Snapshot) })
	return out
}

// Snapshot gives a snapshot.
func (a *Account) Snapshot(id string) (Snapshot, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.snapshots.byID[id]
	if !ok {
		return Snapshot{}, false
	}
	return a.copySnapshot(s, a.now()), true
}

func (a *Account) copySnapshot(s *snapshot, now time.Time) Snapshot {
	return Snapshot{
		Snapshot: ebs.Snapshot{
			ID:        s.id,
			VolumeID:  s.volumeID,
			State:     s.state(now),
			StartTime: s.startTime,
			SizeGiB:   s.sizeGiB,
			FullBytes: s.fullBytes,
			Tags:      maps.Clone(s.currentTags()),

			Description: s.description,
			Copy:        s.copied,
		},
		OwnerID: s.owner,
		Shared:  s.shared,
	}
}

// Deleted gives the deletions of snapshots, oldest first.
func (a *Account) Deleted() []Deletion {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.deletions)
}
