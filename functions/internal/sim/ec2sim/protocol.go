package ec2sim

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Request is one call.
type Request struct {
	Action string
	Params url.Values // as on the wire: "VolumeId", "Filter.1.Name", "Filter.1.Value.1", …
	At     time.Time  // the account's time of arrival
}

// Get gives a parameter's value; "" if there is none.
func (r Request) Get(name string) string { return r.Params.Get(name) }

// List gives the values of a list parameter, e.g. SnapshotId for SnapshotId.1, SnapshotId.2, ….
func (r Request) List(name string) []string { return parseParams(r.Params).strings(name) }

// Filter gives the values of the filter of that name; nil if there is none.
func (r Request) Filter(name string) []string {
	for _, f := range parseParams(r.Params).structs("Filter") {
		if f.optional("Name") == name {
			return f.strings("Value")
		}
	}
	return nil
}

// Tags gives the tags that a creating request sets.
func (r Request) Tags() map[string]string {
	tags := map[string]string{}
	for _, spec := range parseParams(r.Params).structs("TagSpecification") {
		for _, t := range spec.structs("Tag") {
			tags[t.optional("Key")] = t.optional("Value")
		}
	}
	return tags
}

// answer is the response to the caller.
type answer struct {
	status int
	body   []byte
}

// errCut is the transport's error if a fault breaks the connection: the caller can't know whether EC2 has acted.
var errCut = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// Do answers a request in process, in the caller's goroutine. It makes an Account an HTTP client for the SDK.
func (a *Account) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ans, err := a.serve(r.Context(), r)
	if err != nil {
		// http.Client wraps the errors of its transport like this.
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: err}
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", ans.status, http.StatusText(ans.status)),
		StatusCode:    ans.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {"text/xml;charset=UTF-8"}, "Date": {a.date()}},
		Body:          io.NopCloser(bytes.NewReader(ans.body)),
		ContentLength: int64(len(ans.body)),
		Request:       r,
	}, nil
}

// ServeHTTP answers a request over the network. It really cuts a connection for a fault.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ans, err := a.serve(r.Context(), r)
	if err != nil {
		cut(w)
		return
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("Date", a.date())
	w.WriteHeader(ans.status)
	_, _ = w.Write(ans.body) // the caller may have closed the connection; EC2 would not know either
}

// date is the account's time in HTTP's format.
func (a *Account) date() string { return a.now().Format(http.TimeFormat) }

func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
		return
	}
	panic(http.ErrAbortHandler) // cuts a connection that can't be hijacked (HTTP/2)
}

func (a *Account) serve(ctx context.Context, r *http.Request) (answer, error) {
	form, err := readForm(r)
	if err != nil {
		return errorAnswer("", refuse("MalformedQueryString", "The query string contains a syntax error: %v", err)), nil
	}
	return a.call(ctx, Request{Action: form.Get("Action"), Params: form})
}

// maxBody is much larger than the longest request that EC2 accepts.
const maxBody = 4 << 20

func readForm(r *http.Request) (url.Values, error) {
	query := r.URL.RawQuery
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return nil, err
		}
		query = strings.Trim(query+"&"+string(body), "&")
	}
	form, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	if form.Get("Action") == "" {
		return nil, errors.New("no Action")
	}
	return form, nil
}

const xmlNamespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// reply is the content of a successful response; it embeds meta.
type reply interface{ setRequestID(id string) }

type meta struct {
	RequestID string `xml:"requestId"`
}

func (m *meta) setRequestID(id string) { m.RequestID = id }

// done is the reply of actions without a result.
type done struct {
	meta
	Return bool `xml:"return"`
}

func goodAnswer(action, requestID string, r reply) answer {
	r.setRequestID(requestID)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	start := xml.StartElement{
		Name: xml.Name{Local: action + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: xmlNamespace}},
	}
	if err := xml.NewEncoder(&b).EncodeElement(r, start); err != nil {
		panic(fmt.Sprintf("ec2sim: the reply to %s can't be encoded: %v", action, err))
	}
	return answer{http.StatusOK, b.Bytes()}
}

func errorAnswer(requestID string, e *apiError) answer {
	type body struct {
		XMLName   xml.Name `xml:"Response"`
		Code      string   `xml:"Errors>Error>Code"`
		Message   string   `xml:"Errors>Error>Message"`
		RequestID string   `xml:"RequestID"`
	}
	b, err := xml.Marshal(body{Code: e.Code, Message: e.Message, RequestID: requestID})
	if err != nil {
		panic(fmt.Sprintf("ec2sim: the error %s can't be encoded: %v", e.Code, err))
	}
	return answer{e.Status, append([]byte(xml.Header), b...)}
}
