package e2e

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Instance is an instance of the account.
type Instance struct {
	ID      string
	Volumes []string // IDs, in the order of devices
}

// Snapshot is a snapshot of the account.
type Snapshot struct {
	ID, VolumeID, State string
	Tags                map[string]string
}

// client has a timeout, in case the emulator hangs.
var client = &http.Client{Timeout: time.Minute}

// The answers of EC2's query protocol.
type (
	deviceItem struct {
		Name   string `xml:"deviceName"`
		Volume string `xml:"ebs>volumeId"`
	}
	instanceItem struct {
		ID      string       `xml:"instanceId"`
		Devices []deviceItem `xml:"blockDeviceMapping>item"`
	}
	snapshotItem struct {
		ID        string    `xml:"snapshotId"`
		VolumeID  string    `xml:"volumeId"`
		State     string    `xml:"status"`
		StartTime string    `xml:"startTime"`
		Tags      []tagItem `xml:"tagSet>item"`
	}
	tagItem struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
)

// ec2 calls moto directly, so that no test intercepts the call.
func (b *Testbed) ec2(ctx context.Context, action string, form url.Values, into any) error {
	form.Set("Action", action)
	form.Set("Version", "2016-11-15")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.Endpoint.moto.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", authorization(b.o.Region, "ec2"))
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", action, response.Status, body)
	}
	if into == nil {
		return nil
	}
	if err := xml.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}

// Launch starts n instances with so many volumes each. It returns them sorted by ID.
func (b *Testbed) Launch(ctx context.Context, n, volumes int, tags map[string]string) ([]Instance, error) {
	form := url.Values{"ImageId": {"ami-00000000"}, "InstanceType": {"t3.micro"}, "MinCount": {strconv.Itoa(n)}, "MaxCount": {strconv.Itoa(n)}}
	for v := range volumes {
		device := "BlockDeviceMapping." + strconv.Itoa(v+1)
		form.Set(device+".DeviceName", "/dev/sd"+string(rune('a'+v)))
		form.Set(device+".Ebs.VolumeSize", "8")
	}
	form.Set("TagSpecification.1.ResourceType", "instance")
	for i, key := range slices.Sorted(maps.Keys(tags)) {
		tag := "TagSpecification.1.Tag." + strconv.Itoa(i+1)
		form.Set(tag+".Key", key)
		form.Set(tag+".Value", tags[key])
	}
	var started struct {
		IDs []string `xml:"instancesSet>item>instanceId"`
	}
	if err := b.ec2(ctx, "RunInstances", form, &started); err != nil {
		return nil, err
	}
	ask := url.Values{}
	for i, id := range started.IDs {
		ask.Set("InstanceId."+strconv.Itoa(i+1), id)
	}
	var described struct {
		Instances []instanceItem `xml:"reservationSet>item>instancesSet>item"`
	}
	if err := b.ec2(ctx, "DescribeInstances", ask, &described); err != nil {
		return nil, err
	}
	var out []Instance
	for _, i := range described.Instances {
		slices.SortFunc(i.Devices, func(a, b deviceItem) int { return cmp.Compare(a.Name, b.Name) })
		instance := Instance{ID: i.ID}
		for _, d := range i.Devices {
			instance.Volumes = append(instance.Volumes, d.Volume)
		}
		if len(instance.Volumes) != volumes {
			return nil, fmt.Errorf("instance %s has the volumes %v instead of %d volumes", i.ID, instance.Volumes, volumes)
		}
		out = append(out, instance)
	}
	slices.SortFunc(out, func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Snapshots lists the snapshots that the runs of a schedule created, oldest first.
func (b *Testbed) Snapshots(ctx context.Context, keyword string) ([]Snapshot, error) {
	var described struct {
		Snapshots []snapshotItem `xml:"snapshotSet>item"`
	}
	form := url.Values{"Filter.1.Name": {"tag:snapshot-lifecycle:schedule"}, "Filter.1.Value.1": {keyword}}
	if err := b.ec2(ctx, "DescribeSnapshots", form, &described); err != nil {
		return nil, err
	}
	slices.SortStableFunc(described.Snapshots, func(a, b snapshotItem) int { return cmp.Compare(a.StartTime, b.StartTime) })
	var out []Snapshot
	for _, s := range described.Snapshots {
		tags := map[string]string{}
		for _, t := range s.Tags {
			tags[t.Key] = t.Value
		}
		out = append(out, Snapshot{s.ID, s.VolumeID, s.State, tags})
	}
	return out, nil
}

// DeleteVolume detaches a volume from its instance and deletes it.
func (b *Testbed) DeleteVolume(ctx context.Context, i Instance, volume string) error {
	device := "/dev/sd" + string(rune('a'+slices.Index(i.Volumes, volume)))
	if err := b.ec2(ctx, "DetachVolume", url.Values{"InstanceId": {i.ID}, "Device": {device}, "VolumeId": {volume}}, nil); err != nil {
		return err
	}
	return b.ec2(ctx, "DeleteVolume", url.Values{"VolumeId": {volume}}, nil)
}
