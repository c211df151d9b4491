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

// theInterpretersAgree runs each scenario with moto's interpreter, which is not written by this project, and with the project's own.
// Both must have the expected result. So the fast tests of the definition, which use the own interpreter, can be trusted.
func theInterpretersAgree(t *testing.T, bed *e2e.Testbed) {
	definition, err := bed.Definition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, err := newOwnInterpreter(bed, definition)
	if err != nil {
		t.Fatal(err)
	}
	for n, s := range scenarios() {
		for _, by := range []string{"moto", "own"} {
			t.Run(s.name+", by "+by, func(t *testing.T) {
				t.Parallel()
				p := &scenarioTest{t: t, bed: bed, own: own, scenario: s, keyword: fmt.Sprintf("Scenario%02d%s", n, by)}
				if by == "moto" {
					p.run = p.byMoto
				} else {
					p.run = p.byOwn
				}
				began := time.Now()
				if diff := cmp.Diff(s.want, p.result()); diff != "" {
					t.Errorf("the result (-want +got):\n%s\n%s", diff, p.notes)
				}
				bed.Say("%5.1f s    %s, by %s", time.Since(began).Seconds(), s.name, by)
			})
		}
	}
}

// scenarioTest is a scenario that is running.
type scenarioTest struct {
	t        *testing.T
	bed      *e2e.Testbed
	own      *ownInterpreter
	scenario scenario
	keyword  string
	run      func(ctx context.Context, name, input string) ended
	labels   map[string]string // a/0 and so on, by volume
	notes    string            // helps to understand an unexpected result
}

// ended is how an execution ended.
type ended struct {
	status, err string
	visited     e2e.Visited
}

func (p *scenarioTest) byMoto(ctx context.Context, name, input string) ended {
	arn, err := p.bed.StartExecution(ctx, name, input)
	if err != nil {
		p.t.Fatal(err)
	}
	e, err := p.bed.Wait(ctx, arn)
	if err != nil {
		p.t.Fatal(err)
	}
	children, err := p.bed.Children(ctx, arn)
	for _, c := range children {
		if c.Status != "SUCCEEDED" {
			p.notes += fmt.Sprintf("%s %s %s %s\n", c.ARN, c.Status, c.Error, c.Cause)
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
	visited, err := p.bed.Visited(ctx, arn)
	if err != nil {
		p.t.Fatal(err)
	}
	return ended{e.Status, e.Error, visited}
}

func (p *scenarioTest) byOwn(ctx context.Context, name, input string) ended {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	r, visited := p.own.run(ctx, name, input)
	return ended{string(r.Status), r.Error, visited}
}

// input is the input that a schedule would give to an execution. No schedule has the keywords of the scenarios.
func (p *scenarioTest) input(run int) string {
	at := firstHour.Add(time.Duration(run) * time.Hour)
	return fmt.Sprintf(`{"SnapshotKeyWord":%q,"ScheduledTime":%q,"TimeZone":"UTC","AnyKeyword":true}`, p.keyword, at.Format(time.RFC3339))
}

func (p *scenarioTest) result() story {
	t, s := p.t, p.scenario
	ctx := t.Context()
	retention := s.tagged
	if retention == "" {
		retention = "2"
	}
	fleet, err := p.bed.Launch(ctx, 2, 2, map[string]string{p.keyword: retention, "Name": "node"})
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
		p.mustSucceed(ctx, run)
	}
	if s.repeated {
		p.mustSucceed(ctx, run)
	}
	calls, mails := len(p.bed.Endpoint.Calls(p.keyword)), len(p.bed.Endpoint.Mails(p.keyword))
	where := target{p.keyword, fleet[0].Volumes[0]}
	if s.deleted {
		defer p.bed.Endpoint.Intercept(p.deleteBeforeSnapshot(fleet[0]))()
	}
	if s.behave != nil {
		defer p.bed.Endpoint.SetBehaviour(s.behave(where))()
	}
	if s.intercept != nil {
		defer p.bed.Endpoint.Intercept(s.intercept(where))()
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
	for _, c := range p.bed.Endpoint.Calls(p.keyword)[calls:] {
		said := c.Function
		if c.Error != "" {
			said += ": " + c.Error
		}
		out.Calls[p.labels[c.Volume]] = append(out.Calls[p.labels[c.Volume]], said)
	}
	p.held(ctx, out.Held)
	for _, m := range p.bed.Endpoint.Mails(p.keyword)[mails:] {
		out.Mails = append(out.Mails, p.subject(m))
	}
	return out
}

// deleteBeforeSnapshot deletes the instance's first volume just before its CreateSnapshot call.
func (p *scenarioTest) deleteBeforeSnapshot(i e2e.Instance) func(e2e.APICall) *e2e.Interception {
	var once sync.Once
	return func(c e2e.APICall) *e2e.Interception {
		if c.Action == "CreateSnapshot" && about(c, i.Volumes[0]) {
			once.Do(func() {
				if err := p.bed.DeleteVolume(p.t.Context(), i, i.Volumes[0]); err != nil {
					p.t.Error(err)
				}
			})
		}
		return nil
	}
}

// mustSucceed does the nth run with moto's interpreter. The run must succeed.
func (p *scenarioTest) mustSucceed(ctx context.Context, run int) {
	p.t.Helper()
	if e := p.byMoto(ctx, fmt.Sprintf("%s-%d", p.keyword, run), p.input(run)); e.status != "SUCCEEDED" {
		p.t.Fatalf("run %d ended %s: %s", run, e.status, e.err)
	}
}

// held collects the snapshots of each volume: the state and the number of the run.
func (p *scenarioTest) held(ctx context.Context, into map[string][]string) {
	snapshots, err := p.bed.Snapshots(ctx, p.keyword)
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

// subject returns the subject of a mail without the keyword and the time.
func (p *scenarioTest) subject(m e2e.Mail) string {
	s := m.Subject
	if before, after, ok := strings.Cut(s, ": "); ok && strings.HasPrefix(before, p.keyword+" ") {
		return "KEYWORD: " + after
	}
	return s
}
