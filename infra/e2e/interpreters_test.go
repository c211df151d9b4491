//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
)

// theInterpretersAgree runs each scenario twice: by moto's interpreter, which this project did not write, and by its own. Both
// have to tell the story that is expected, so that what the fast tests say of the definition is also what AWS's language means.
func theInterpretersAgree(t *testing.T, lab *e2e.Lab) {
	definition, err := lab.Definition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, err := newInterpreted(lab, definition)
	if err != nil {
		t.Fatal(err)
	}
	for n, s := range scenarios() {
		for _, by := range []string{"moto", "own"} {
			t.Run(s.name+", by "+by, func(t *testing.T) {
				t.Parallel()
				p := &play{t: t, lab: lab, own: own, scenario: s, keyword: fmt.Sprintf("Scenario%02d%s", n, by)}
				if by == "moto" {
					p.run = p.byMoto
				} else {
					p.run = p.byOwn
				}
				began := time.Now()
				if diff := cmp.Diff(s.want, p.tell()); diff != "" {
					t.Errorf("the story (-want +got):\n%s\n%s", diff, p.aside)
				}
				lab.Say("%5.1f s    %s, by %s", time.Since(began).Seconds(), s.name, by)
			})
		}
	}
}

// play is a scenario under way.
type play struct {
	t        *testing.T
	lab      *e2e.Lab
	own      *interpreted
	scenario scenario
	keyword  string
	run      func(ctx context.Context, name, input string) ended
	labels   map[string]string // of volumes
	aside    string            // what helps to understand a story that is not the expected one
}

// ended is how an execution ended.
type ended struct {
	status, err string
	visited     e2e.Visited
}

func (p *play) byMoto(ctx context.Context, name, input string) ended {
	arn, err := p.lab.StartExecution(ctx, name, input)
	if err != nil {
		p.t.Fatal(err)
	}
	e, err := p.lab.Wait(ctx, arn)
	if err != nil {
		p.t.Fatal(err)
	}
	children, err := p.lab.Children(ctx, arn)
	for _, c := range children {
		if c.Status != "SUCCEEDED" {
			p.aside += fmt.Sprintf("%s %s %s %s\n", c.ARN, c.Status, c.Error, c.Cause)
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
	visited, err := p.lab.Visited(ctx, arn)
	if err != nil {
		p.t.Fatal(err)
	}
	return ended{e.Status, e.Error, visited}
}

func (p *play) byOwn(ctx context.Context, name, input string) ended {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	r, visited := p.own.run(ctx, name, input)
	return ended{string(r.Status), r.Error, visited}
}

// input is what a schedule gives to an execution. The keywords are the plays' own, and no schedule's.
func (p *play) input(run int) string {
	at := time.Date(2026, 11, 22, run, 0, 0, 0, time.UTC)
	return fmt.Sprintf(`{"SnapshotKeyWord":%q,"ScheduledTime":%q,"TimeZone":"UTC","AnyKeyword":true}`, p.keyword, at.Format(time.RFC3339))
}

func (p *play) tell() story {
	t, s := p.t, p.scenario
	ctx := t.Context()
	retention := s.tagged
	if retention == "" {
		retention = "2"
	}
	fleet, err := p.lab.Launch(ctx, 2, 2, map[string]string{p.keyword: retention, "Name": "node"})
	if err != nil {
		t.Fatal(err)
	}
	p.labels = map[string]string{"": ""}
	for i, instance := range fleet {
		for v, id := range instance.Volumes {
			p.labels[id] = fmt.Sprintf("%c/%d", 'a'+i, v)
		}
	}
	run := 1
	for ; run <= s.before; run++ {
		p.well(ctx, run)
	}
	if s.again {
		p.well(ctx, run)
	}
	calls, mails := len(p.lab.Endpoint.Calls(p.keyword)), len(p.lab.Endpoint.Mails(p.keyword))
	where := trouble{p.keyword, fleet[0].Volumes[0]}
	if s.deleted {
		defer p.lab.Endpoint.Meddle(p.deletes(fleet[0]))()
	}
	if s.behave != nil {
		defer p.lab.Endpoint.Behave(s.behave(where))()
	}
	if s.meddle != nil {
		defer p.lab.Endpoint.Meddle(s.meddle(where))()
	}
	input := p.input(run)
	if s.input != "" {
		input = strings.ReplaceAll(s.input, "KEYWORD", p.keyword)
	}
	e := p.run(ctx, p.keyword+"-it", input)
	out := story{Status: e.status, Error: e.err, Run: e.visited.Run, Volumes: map[string][]string{}, Calls: map[string][]string{}, Held: map[string][]string{}}
	for volume, states := range e.visited.Volumes {
		out.Volumes[p.labels[volume]] = states
	}
	for _, c := range p.lab.Endpoint.Calls(p.keyword)[calls:] {
		said := c.Function
		if c.Error != "" {
			said += ": " + c.Error
		}
		out.Calls[p.labels[c.Volume]] = append(out.Calls[p.labels[c.Volume]], said)
	}
	p.held(ctx, out.Held)
	for _, m := range p.lab.Endpoint.Mails(p.keyword)[mails:] {
		out.Mails = append(out.Mails, p.subject(m))
	}
	return out
}

// deletes has a person delete the instance's first volume just before EC2 is asked for its snapshot.
func (p *play) deletes(i e2e.Instance) func(e2e.APICall) *e2e.Meddling {
	var once sync.Once
	return func(c e2e.APICall) *e2e.Meddling {
		if c.Action == "CreateSnapshot" && about(c, i.Volumes[0]) {
			once.Do(func() {
				if err := p.lab.DeleteVolume(p.t.Context(), i, i.Volumes[0]); err != nil {
					p.t.Error(err)
				}
			})
		}
		return nil
	}
}

// well has moto run the nth run, which must succeed.
func (p *play) well(ctx context.Context, run int) {
	p.t.Helper()
	if e := p.byMoto(ctx, fmt.Sprintf("%s-%d", p.keyword, run), p.input(run)); e.status != "SUCCEEDED" {
		p.t.Fatalf("run %d ended %s: %s", run, e.status, e.err)
	}
}

// held says what EC2 holds of each volume: the state, and the number of the run.
func (p *play) held(ctx context.Context, into map[string][]string) {
	snapshots, err := p.lab.Snapshots(ctx, p.keyword)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range snapshots {
		at, err := time.Parse(time.RFC3339, strings.TrimPrefix(s.Tags["snapshot-lifecycle:run"], p.keyword+"/"))
		if err != nil {
			p.t.Fatalf("snapshot %s has the tags %v: %v", s.ID, s.Tags, err)
		}
		label := p.labels[s.VolumeID]
		into[label] = append(into[label], fmt.Sprintf("%s %d", s.State, at.Hour()))
	}
	for _, l := range into {
		slices.Sort(l)
	}
}

// subject is a mail's, without the keyword and the time.
func (p *play) subject(m e2e.Mail) string {
	s := m.Subject
	if before, after, ok := strings.Cut(s, ": "); ok && strings.HasPrefix(before, p.keyword+" ") {
		return "KEYWORD: " + after
	}
	return s
}
