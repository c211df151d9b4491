package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Call is a call of a Lambda function.
type Call struct {
	Function string // its folder's name, e.g. snapshot-volume
	Keyword  string // the keyword of the run
	Volume   string // "": the call is for the whole run
	Attempt  int
	Error    string // the name of the error that it returned, or ""
}

var invocations = regexp.MustCompile(`^/2015-03-31/functions/(.+)/invocations$`)

// invoked returns the name of the function that a request invokes.
func invoked(r *http.Request) (string, bool) {
	m := invocations.FindStringSubmatch(r.URL.EscapedPath())
	if r.Method != http.MethodPost || m == nil {
		return "", false
	}
	name, err := url.PathUnescape(m[1])
	if parts := strings.Split(name, ":"); len(parts) >= 7 && parts[0] == "arn" {
		name = parts[6]
	}
	return name, err == nil
}

func (e *Endpoint) invoke(w http.ResponseWriter, r *http.Request, name string) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the caller has closed the connection
	}
	f, err := e.function(r.Context(), name)
	if err != nil {
		refuseInvocation(w, http.StatusNotFound, "ResourceNotFoundException", err.Error())
		return
	}
	call := describe(name, payload)
	how := e.behaviour(call)
	if how == IsThrottled {
		call.Error = "Lambda.TooManyRequestsException"
		e.recordCall(call)
		refuseInvocation(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	}
	answer, err := e.Lambda.invoke(r.Context(), f, payload, how)
	if err != nil {
		refuseInvocation(w, http.StatusBadGateway, "ServiceException", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if answer.Failed {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		var said struct{ ErrorType string }
		_ = json.Unmarshal(answer.Payload, &said) // the answer may be anything
		call.Error = said.ErrorType
	}
	e.recordCall(call)
	_, _ = w.Write(answer.Payload)
}

func refuseInvocation(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message, "Type": "User"})
}

var capital = regexp.MustCompile(`[A-Z]`)

// FolderOf returns the folder of a deployed function. The stack names a function like EbsSnapshotLifecycle-PruneVolumeFunction9F63482B-….
func FolderOf(deployed string) string {
	parts := strings.Split(deployed, "-")
	name, _, _ := strings.Cut(parts[min(1, len(parts)-1)], "Function")
	return strings.TrimPrefix(strings.ToLower(capital.ReplaceAllString(name, "-$0")), "-")
}

// describe reads from a payload what the call is about.
func describe(deployed string, payload []byte) Call {
	var in struct {
		Input   struct{ SnapshotKeyWord string }
		Run     struct{ SnapshotKeyWord string }
		Volume  struct{ ID string }
		Attempt int
	}
	_ = json.Unmarshal(payload, &in) // the function must refuse an input that can't be read
	keyword := in.Run.SnapshotKeyWord
	if keyword == "" {
		keyword = in.Input.SnapshotKeyWord
	}
	return Call{Function: FolderOf(deployed), Keyword: keyword, Volume: in.Volume.ID, Attempt: in.Attempt}
}

func (e *Endpoint) behaviour(c Call) Behaviour {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.behaviours {
		if f != nil {
			if how := f(c); how != Works {
				return how
			}
		}
	}
	return Works
}

func (e *Endpoint) recordCall(c Call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, c)
}

// function finds a deployed function: its configuration is in moto's Lambda, and its program in the zip file that cdk uploaded.
func (e *Endpoint) function(ctx context.Context, name string) (function, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var deployed struct {
		Configuration struct {
			FunctionArn, CodeSha256, LastModified string
			Timeout, MemorySize                   int
			Environment                           struct{ Variables map[string]string }
		}
		Code struct{ Location string }
	}
	body, err := e.get(ctx, "lambda", "/2015-03-31/functions/"+url.PathEscape(name))
	if err != nil {
		return function{}, err
	}
	if err := json.Unmarshal(body, &deployed); err != nil {
		return function{}, fmt.Errorf("moto's answer about the function %s: %w", name, err)
	}
	c := deployed.Configuration
	key := path.Base(deployed.Code.Location)
	id := name + "/" + key
	f, known := e.functions[id]
	if !known {
		code, err := e.get(ctx, "s3", fmt.Sprintf("/cdk-hnb659fds-assets-%s-%s/%s", account, e.region, key))
		if err != nil {
			return function{}, fmt.Errorf("the code of function %s: %w", name, err)
		}
		f.Program = filepath.Join(e.folder, strings.ReplaceAll(id, "/", "-"), "bootstrap")
		if err := unpack(code, f.Program); err != nil {
			return function{}, fmt.Errorf("the code of function %s: %w", name, err)
		}
	}
	f.Name, f.ARN, f.Environment = name, c.FunctionArn, c.Environment.Variables
	f.Timeout, f.MemoryMiB = time.Duration(c.Timeout)*time.Second, c.MemorySize
	e.functions[id] = f
	return f, nil
}

// get calls moto. moto reads only the service's name from the signature.
func (e *Endpoint) get(ctx context.Context, service, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.moto.String()+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", authorization(e.region, service))
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	return body, err
}

func authorization(region, service string) string {
	return "AWS4-HMAC-SHA256 Credential=test/20261122/" + region + "/" + service + "/aws4_request, SignedHeaders=host, Signature=none"
}

func unpack(code []byte, program string) error {
	archive, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return err
	}
	from, err := archive.Open("bootstrap")
	if err != nil {
		return err
	}
	body, err := io.ReadAll(from)
	if err := errors.Join(err, from.Close()); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return err
	}
	return os.WriteFile(program, body, 0o755)
}
