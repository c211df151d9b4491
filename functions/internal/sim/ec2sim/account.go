// Package ec2sim is one simulated EC2 account in one Region. It keeps state and speaks EC2's query protocol (API version
// 2016-11-15), so that the real SDK client runs against it: in process through [Account.Do], or over HTTP as an
// http.Handler.
//
// It replaces EC2 in tests and in the local demo, so it must not be more lenient than EC2. It refuses an action, a parameter or a filter that it
// does not model, and never ignores one. It starts no goroutine and waits only with Config.Sleep, so that it can run in virtual time.
package ec2sim

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Config configures an account. Only Now is required.
type Config struct {
	Now   func() time.Time                                 // the account's clock
	Sleep func(ctx context.Context, d time.Duration) error // waits for Latency and Fault.Delay; nil: no waits

	Region    string // default us-east-1
	AccountID string // default 123456789012

	Latency time.Duration // of each call; EC2 acts in the middle of it

	// ListLag is how late DescribeSnapshots (by filter and by ID) shows changes: new and deleted snapshots, and changed tags. Instances and
	// volumes are listed without lag.
	ListLag time.Duration

	// Completion says how long the nth snapshot (from 1) of a volume is pending; nil: 1 minute. It must not call the account.
	Completion func(volumeID string, nth int) time.Duration

	Buckets map[string]Bucket // request tokens by action, see DefaultBuckets; nil: nothing is throttled

	PendingPerVolume    int           // snapshots of a volume in progress; 0: 5, negative: unlimited
	PendingPerAccount   int           // snapshots of the account in progress; 0: unlimited
	MaxSnapshots        int           // snapshots that the account owns; 0: 100,000, negative: unlimited
	MinSnapshotInterval time.Duration // between two snapshots of a volume; 0: 15 s, negative: none

	// RequireTag is the tag key that IAM policies require of a snapshot, by action: the condition that aws:ResourceTag/<key> is not null. EC2
	// denies the call if one of its snapshots lacks the tag, or does not exist. Modelled for DeleteSnapshot, CreateTags and DeleteTags.
	RequireTag map[string]string

	// Unlogged counts the calls without keeping them: the Log of a large run takes hundreds of megabytes.
	Unlogged bool

	PageSize   int  // longest page, even if MaxResults is larger; 0: no other limit than MaxResults
	EmptyPages bool // an empty page with only a NextToken precedes each page, and the last page is empty
}

const (
	defaultRegion              = "us-east-1"
	defaultAccountID           = "123456789012"
	defaultCompletion          = time.Minute
	defaultPendingPerVolume    = 5
	defaultMaxSnapshots        = 100_000
	defaultMinSnapshotInterval = 15 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Now == nil {
		panic("ec2sim: Config.Now is required")
	}
	if c.Region == "" {
		c.Region = defaultRegion
	}
	if c.AccountID == "" {
		c.AccountID = defaultAccountID
	}
	if c.Completion == nil {
		c.Completion = func(string, int) time.Duration { return defaultCompletion }
	}
	if c.PendingPerVolume == 0 {
		c.PendingPerVolume = defaultPendingPerVolume
	}
	if c.MaxSnapshots == 0 {
		c.MaxSnapshots = defaultMaxSnapshots
	}
	if c.MinSnapshotInterval == 0 {
		c.MinSnapshotInterval = defaultMinSnapshotInterval
	}
	return c
}

// Account is the simulated account. All its methods may be called concurrently.
type Account struct {
	cfg Config

	mu         sync.Mutex // not held while sleeping, nor while a caller's Match runs
	seq        uint64     // of the newest resource
	instances  catalogue[*instance]
	volumes    catalogue[*volume]
	snapshots  snapshotStore
	images     map[string]*image
	idempotent map[string]idempotent // by action and client token
	buckets    map[string]*bucketState
	faults     []*armedFault
	journal    journal
	deletions  []Deletion
}

// New gives an empty account.
func New(cfg Config) *Account {
	return &Account{
		cfg:        cfg.withDefaults(),
		instances:  newCatalogue[*instance](),
		volumes:    newCatalogue[*volume](),
		snapshots:  newSnapshotStore(),
		images:     map[string]*image{},
		idempotent: map[string]idempotent{},
		buckets:    map[string]*bucketState{},
		journal:    newJournal(cfg.Unlogged),
	}
}

// now is the account's time in milliseconds, the precision of EC2's times.
func (a *Account) now() time.Time { return a.cfg.Now().UTC().Truncate(time.Millisecond) }

func (a *Account) zone() string { return a.cfg.Region + "a" }

// newIdent gives the identity of a new resource: the requested ID, or the next of its kind, e.g. snap-00000000000000001. IDs are not random, so
// that a run can be repeated exactly.
func (a *Account) newIdent(prefix, id string) ident {
	a.seq++
	if id != "" {
		return ident{id, a.seq}
	}
	made := func() string { return fmt.Sprintf("%s%017x", prefix, a.seq) }
	for a.taken(made()) { // the test gave that ID to a resource
		a.seq++
	}
	return ident{made(), a.seq}
}

func (a *Account) taken(id string) bool {
	return a.instances.byID[id] != nil || a.volumes.byID[id] != nil || a.snapshots.byID[id] != nil || a.images[id] != nil
}
