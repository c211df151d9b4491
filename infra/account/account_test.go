package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeAWS is a fake of STS and Step Functions at AWS_ENDPOINT_URL. It supports only the calls of this command.
type fakeAWS struct {
	t       *testing.T
	denied  bool
	running map[string][]string // names of running executions, by state machine
	stopped []string
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	if strings.Contains(string(body), "Action=GetCallerIdentity") {
		if f.denied {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token is expired</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>`+
			`<Arn>arn:aws:iam::123456789012:user/ops</Arn><UserId>1</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		return
	}
	var in struct{ StateMachineArn, ExecutionArn, StatusFilter, NextToken string }
	if err := json.Unmarshal(body, &in); err != nil {
		f.t.Errorf("%v: %s", err, body)
	}
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "AWSStepFunctions.ListExecutions":
		names, known := f.running[in.StateMachineArn]
		if !known {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type": "StateMachineDoesNotExist"}`)
			return
		}
		// Each page has one execution.
		i := len(in.NextToken)
		page := map[string]any{"executions": []any{}}
		if i < len(names) {
			page["executions"] = []any{map[string]any{"executionArn": names[i], "status": in.StatusFilter, "stateMachineArn": in.StateMachineArn, "name": names[i], "startDate": 1}}
			if i+1 < len(names) {
				page["nextToken"] = in.NextToken + "x"
			}
		}
		if err := json.NewEncoder(w).Encode(page); err != nil {
			f.t.Error(err)
		}
	case "AWSStepFunctions.StopExecution":
		f.stopped = append(f.stopped, in.ExecutionArn)
		fmt.Fprint(w, `{"stopDate": 1}`)
	default:
		f.t.Errorf("%s was called", target)
	}
}

const machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:EbsSnapshotLifecycle"

// setUp changes to a folder with a cdk.json, and sets an environment in which the fake is AWS.
func setUp(t *testing.T, targets string) *fakeAWS {
	t.Helper()
	f := &fakeAWS{t: t, running: map[string][]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	folder := t.TempDir()
	t.Chdir(folder)
	if err := os.WriteFile("cdk.json", []byte(`{"context": {`+targets+`}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(folder, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(folder, "credentials"),
		"STACKS": "--all", "YES": "",
	} {
		t.Setenv(name, value)
	}
	return f
}

func runCommand(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, said bytes.Buffer
	err = run(t.Context(), args, os.Getenv, strings.NewReader(stdin), &out, &said)
	return out.String(), said.String(), err
}

func TestCheckShowsTheDestination(t *testing.T) {
	setUp(t, ``)
	_, said, err := runCommand(t, "", "check")
	if err != nil || said != "Account 123456789012, Region eu-central-1, keys from the environment, as arn:aws:iam::123456789012:user/ops\n" {
		t.Errorf("%v: %s", err, said)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if err := os.WriteFile("config", []byte("[profile other]\nregion = us-west-2\naws_access_key_id = AKIA\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_REGION", "")
	_, said, err = runCommand(t, "", "check", "--profile", "other")
	if err != nil || !strings.HasPrefix(said, "Account 123456789012, Region us-west-2, profile other, ") {
		t.Errorf("%v: %s", err, said)
	}
}

func TestItRefusesWithASentenceThatSaysWhatToDo(t *testing.T) {
	f := setUp(t, ``)
	refused := func(what string, texts ...string) {
		t.Helper()
		_, _, err := runCommand(t, "", "check")
		for _, text := range texts {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: it does not say %q: %v", what, text, err)
			}
		}
	}
	f.denied = true
	refused("an expired token", "there are no valid AWS credentials", "ExpiredToken", "AWS_PROFILE", "aws sso login")
	f.denied = false
	t.Setenv("AWS_REGION", "")
	refused("no Region", "no Region is configured", "us-east-1", "export AWS_REGION=")
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	refused("no credentials", "there are no valid AWS credentials", "AWS_PROFILE")
	t.Setenv("AWS_PROFILE", "nobody")
	refused("no such profile", "there are no valid AWS credentials", "nobody")
}

func TestItUsesTheTargetsOfTheConfiguration(t *testing.T) {
	setUp(t, `"targets": [{"region": "eu-central-1"}, {"region": "us-east-1", "account": "999999999999"}]`)
	t.Setenv("AWS_REGION", "")
	out, said, err := runCommand(t, "", "environments")
	if err != nil || out != "aws://123456789012/eu-central-1\naws://999999999999/us-east-1\n" || !strings.Contains(said, "Account 999999999999, Region us-east-1, ") {
		t.Errorf("%v: %s%s", err, out, said)
	}
	t.Setenv("STACKS", "EbsSnapshotLifecycle-eu-*")
	if out, _, err = runCommand(t, "", "environments"); err != nil || out != "aws://123456789012/eu-central-1\n" {
		t.Errorf("%v: %s", err, out)
	}
	t.Setenv("STACKS", "Other")
	if _, _, err = runCommand(t, "", "check"); err == nil || !strings.Contains(err.Error(), "EbsSnapshotLifecycle-999999999999-us-east-1") {
		t.Errorf("%v", err)
	}
	t.Setenv("STACKS", "")
	out, _, err = runCommand(t, "", "environments", "-c", `targets=[{"region": "ap-east-1"}]`, "--verbose")
	if err != nil || out != "aws://123456789012/ap-east-1\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestStopStopsTheRunningExecutionsOfTheSelectedStacks(t *testing.T) {
	f := setUp(t, `"targets": [{"region": "eu-central-1"}, {"region": "us-east-1"}, {"region": "eu-west-1", "account": "999999999999"}]`)
	f.running[machine] = []string{"a", "b", "c"}
	f.running[strings.Replace(machine, "eu-central-1", "us-east-1", 1)] = []string{"elsewhere"}
	t.Setenv("STACKS", "EbsSnapshotLifecycle-eu-central-1")
	if _, _, err := runCommand(t, "", "stop"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, f.stopped); d != "" {
		t.Errorf("stopped (-want +got):\n%s", d)
	}
	f.stopped = nil
	t.Setenv("STACKS", "--all")
	if _, _, err := runCommand(t, "", "stop"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b", "c", "elsewhere"}, f.stopped); d != "" {
		t.Errorf("stopped of all (-want +got):\n%s", d)
	}
	f.running, f.stopped = nil, nil
	if _, _, err := runCommand(t, "", "stop"); err != nil || f.stopped != nil {
		t.Errorf("without a state machine: %v %v", err, f.stopped)
	}
}

func TestConfirmAsksUnlessYESIsSet(t *testing.T) {
	f := setUp(t, ``)
	f.running[machine] = []string{"a"}
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false} {
		_, said, err := runCommand(t, answer, "confirm")
		if (err == nil) != want || !strings.Contains(said, "the running executions (now: 1)") {
			t.Errorf("%q: %v: %s", answer, err, said)
		}
	}
	t.Setenv("YES", "1")
	if _, _, err := runCommand(t, "", "confirm"); err != nil {
		t.Error(err)
	}
	t.Setenv("YES", "")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() }) // it is only read
	err = run(t.Context(), []string{"confirm"}, os.Getenv, null, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "make destroy YES=1") {
		t.Errorf("without a terminal: %v", err)
	}
	if f.stopped != nil {
		t.Errorf("confirm stopped %v", f.stopped)
	}
}

func TestAnUnknownVerbIsRefused(t *testing.T) {
	setUp(t, ``)
	for _, args := range [][]string{nil, {"destroy"}} {
		if _, _, err := runCommand(t, "", args...); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
