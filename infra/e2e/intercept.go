package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// APICall is a call of an AWS API.
type APICall struct {
	Service string // the name in the signature: ec2, s3, sns
	Action  string // for EC2 and SNS, the action; for S3, method and key, e.g. PUT runs/…
	Form    url.Values
}

// Interception is what happens to an API call: it is refused with an error, or it is done and its answer is lost or changed.
type Interception struct {
	Status     int    // the HTTP status of the error; 0: no error
	Code       string // the error code of EC2 or S3
	LoseAnswer bool
	Rewrite    func([]byte) []byte // changes the answer
}

var scope = regexp.MustCompile(`Credential=[^/]*/[^/]*/[^/]*/([^/]*)/aws4_request`)

// forward forwards a call to moto, unless it is intercepted.
func (e *Endpoint) forward(w http.ResponseWriter, r *http.Request, proxy http.Handler) {
	m, err := e.interception(r)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case m == nil:
		proxy.ServeHTTP(w, r)
	case m.Status != 0:
		refuse(w, m)
	default:
		buffer := &bufferedAnswer{header: http.Header{}}
		proxy.ServeHTTP(buffer, r)
		if m.LoseAnswer {
			panic(http.ErrAbortHandler) // closes the connection
		}
		body := m.Rewrite(buffer.body.Bytes())
		for key, values := range buffer.header {
			if key != "Content-Length" {
				w.Header()[key] = values
			}
		}
		w.WriteHeader(buffer.status)
		_, _ = w.Write(body)
	}
}

// bufferedAnswer is an answer that is held back before it is sent.
type bufferedAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *bufferedAnswer) Header() http.Header            { return a.header }
func (a *bufferedAnswer) WriteHeader(status int)         { a.status = status }
func (a *bufferedAnswer) Write(body []byte) (int, error) { return a.body.Write(body) }

func (e *Endpoint) interception(r *http.Request) (*Interception, error) {
	e.mu.Lock()
	interceptors := append([]func(APICall) *Interception(nil), e.interceptors...)
	e.mu.Unlock()
	if len(interceptors) == 0 {
		return nil, nil
	}
	call, err := apiCall(r)
	if err != nil {
		return nil, err
	}
	for _, f := range interceptors {
		if f != nil {
			if m := f(call); m != nil {
				return m, nil
			}
		}
	}
	return nil, nil
}

// apiCall reads what a request calls, without changing the request.
func apiCall(r *http.Request) (APICall, error) {
	var call APICall
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		call.Service = m[1]
	}
	switch call.Service {
	case "s3":
		call.Action = r.Method + " " + key(r)
	case "ec2", "sns":
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return call, fmt.Errorf("read the request: %w", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if call.Form, err = url.ParseQuery(string(body)); err != nil {
			return call, errors.New("the request's form can't be read")
		}
		call.Action = call.Form.Get("Action")
	}
	return call, nil
}

// key is the key of the S3 object. The bucket's name before it is in the path or in the host.
func key(r *http.Request) string {
	whole := strings.TrimPrefix(r.URL.Path, "/")
	if host, _, _ := strings.Cut(r.Host, ":"); strings.HasSuffix(host, ".localhost") {
		return whole
	}
	_, key, _ := strings.Cut(whole, "/")
	return key
}

// refuse answers with an error of EC2's query protocol or of S3.
func refuse(w http.ResponseWriter, m *Interception) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amz-Request-Id", "none")
	w.WriteHeader(m.Status)
	message := "refused by the test"
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>`)
	if m.Status == http.StatusForbidden && m.Code == "AccessDenied" { // S3's
		fmt.Fprintf(w, `<Error><Code>%s</Code><Message>%s</Message></Error>`, m.Code, message)
		return
	}
	fmt.Fprintf(w, `<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>none</RequestID></Response>`,
		m.Code, message)
}
