package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	demonstration "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/demo"
)

func TestWithoutFlagsTheDemonstrationIsPlayed(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"-days", "1"}, &out, &errs); code != exitOK {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	for _, want := range []string{"a day in a simulated AWS account", "yes  No run left a volume out silently"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("there are colours in what is no terminal")
	}
}

func TestTheDemonstrationAsJSON(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"-days", "1", "-json", "-"}, &out, &errs); code != exitOK {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	var got demonstration.Result
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if err := got.Err(); err != nil || len(got.Days) != 1 {
		t.Errorf("%d days; %v", len(got.Days), err)
	}
}

func TestAStoppedDemonstrationFails(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	code := run(ctx, nil, &out, &errs)
	if code != exitFailed || out.Len() > 0 || !strings.Contains(errs.String(), "the demonstration was stopped") {
		t.Errorf("exit status %d, output %q, errors %q", code, out.String(), errs.String())
	}
}
