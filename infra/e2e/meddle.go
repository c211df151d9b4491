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
	Service string // as signatures name it: ec2, s3, sns
	Action  string // EC2's and SNS's; S3's method and key, e.g. PUT runs/…
	Form    url.Values
}

// Meddling is what becomes of an API call: an error in place of its effect, an answer that is lost on the way back, or one that
// is changed.
type Meddling struct {
	Status  int    // of the error
	Code    string // of the error, as EC2 and S3 name it
	LoseIt  bool
	Rewrite func([]byte) []byte
}

var scope = regexp.MustCompile(`Credential=[^/]*/[^/]*/[^/]*/([^/]*)/aws4_request`)

// forward hands a call to moto, unless somebody meddles.
func (e *Endpoint) forward(w http.ResponseWriter, r *http.Request, proxy http.Handler) {
	m, err := e.meddling(r)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case m == nil:
		proxy.ServeHTTP(w, r)
	case m.Status != 0:
		refuse(w, m)
	default:
		kept := &kept{header: http.Header{}}
		proxy.ServeHTTP(kept, r)
		if m.LoseIt {
			panic(http.ErrAbortHandler) // cuts the connection
		}
		body := m.Rewrite(kept.body.Bytes())
		for key, values := range kept.header {
			if key != "Content-Length" {
				w.Header()[key] = values
			}
		}
		w.WriteHeader(kept.status)
		_, _ = w.Write(body)
	}
}

// kept is an answer that is looked at before it goes on.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header            { return k.header }
func (k *kept) WriteHeader(status int)         { k.status = status }
func (k *kept) Write(body []byte) (int, error) { return k.body.Write(body) }

func (e *Endpoint) meddling(r *http.Request) (*Meddling, error) {
	e.mu.Lock()
	meddlers := append([]func(APICall) *Meddling(nil), e.meddle...)
	e.mu.Unlock()
	if len(meddlers) == 0 {
		return nil, nil
	}
	call, err := apiCall(r)
	if err != nil {
		return nil, err
	}
	for _, f := range meddlers {
		if f != nil {
			if m := f(call); m != nil {
				return m, nil
			}
		}
	}
	return nil, nil
}

// apiCall reads what a request is, and leaves it as it was.
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

// key is S3's: behind the bucket's name, which is in the path or in the host.
func key(r *http.Request) string {
	whole := strings.TrimPrefix(r.URL.Path, "/")
	if host, _, _ := strings.Cut(r.Host, ":"); strings.HasSuffix(host, ".localhost") {
		return whole
	}
	_, key, _ := strings.Cut(whole, "/")
	return key
}

// refuse answers with an error in the words of the query protocol and of S3, whose clients find the code in either.
func refuse(w http.ResponseWriter, m *Meddling) {
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
