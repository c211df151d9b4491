package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Endpoint is the address of everything here: it calls Lambda's functions, and hands all else to moto. On the way it can make
// a function or an API fail, and writes down what the functions were called with.
type Endpoint struct {
	URL      string
	Lambda   *Lambda
	moto     *url.URL
	region   string
	folder   string    // for the functions' code
	refusals io.Writer // a log
	server   *http.Server

	mu        sync.Mutex
	functions map[string]function
	behave    []func(Call) Behaviour
	meddle    []func(APICall) *Meddling
	record    []Call
	mails     []Mail
	onMail    func(Mail)
}

// Mail is a message that the alerts' topic took.
type Mail struct{ Subject, Message string }

const (
	maxBody = 64 << 20
	account = "123456789012" // moto's
)

// newEndpoint listens; it serves once moto is known.
func newEndpoint(ctx context.Context, region, folder string, refusals io.Writer, l *Lambda) (*Endpoint, net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen for AWS's APIs: %w", err)
	}
	return &Endpoint{
		URL: "http://" + listener.Addr().String(), Lambda: l, region: region, folder: folder, refusals: refusals, functions: map[string]function{},
	}, listener, nil
}

func (e *Endpoint) serve(listener net.Listener, moto *url.URL) {
	e.moto = moto
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(moto)
			r.Out.Host = r.In.Host // moto finds S3's buckets, and the service, in it
		},
		ModifyResponse: e.noteRefusal,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the emulator does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
	e.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isCall := invoked(r)
		switch {
		case isCall:
			e.invoke(w, r, name)
		case r.URL.Path == mailbox:
			e.receive(w, r)
		default:
			e.forward(w, r, proxy)
		}
	})}
	go func() { _ = e.server.Serve(listener) }() // ends with Close
}

// noteRefusal logs what moto refused, which is the first thing to look at when something fails.
func (e *Endpoint) noteRefusal(r *http.Response) error {
	if r.StatusCode < http.StatusBadRequest {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	fmt.Fprintf(e.refusals, "%s %s %s: %s\n%.2000s\n", time.Now().UTC().Format(time.TimeOnly), r.Request.Method, r.Request.URL.Path, r.Status, body)
	return nil
}

// Close ends it.
func (e *Endpoint) Close() {
	if e.server != nil {
		_ = e.server.Close()
	}
}

// Behave has f say what becomes of calls of functions, until the function that it returns is called.
func (e *Endpoint) Behave(f func(Call) Behaviour) (stop func()) {
	return install(e, &e.behave, f)
}

// Meddle has f say what becomes of calls of APIs; nil leaves a call alone.
func (e *Endpoint) Meddle(f func(APICall) *Meddling) (stop func()) {
	return install(e, &e.meddle, f)
}

func install[F any](e *Endpoint, in *[]F, f F) func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	*in = append(*in, f)
	n := len(*in) - 1
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		var none F
		(*in)[n] = none
	}
}

// Calls gives the calls of functions for runs of a keyword, in the order of their answers.
func (e *Endpoint) Calls(keyword string) []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Call
	for _, c := range e.record {
		if c.Keyword == keyword {
			out = append(out, c)
		}
	}
	return out
}

// mailbox is where the topic delivers to: an HTTP subscription, in the place of somebody's e-mail.
const mailbox = "/e2e/mail"

func (e *Endpoint) receive(w http.ResponseWriter, r *http.Request) {
	var m Mail
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.Message != "" {
		e.mails = append(e.mails, m)
	}
	if e.onMail != nil {
		e.onMail(m)
	}
}

// Mails gives the messages about a keyword's runs.
func (e *Endpoint) Mails(keyword string) []Mail {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Mail
	for _, m := range e.mails {
		if strings.Contains(m.Subject+"\n"+m.Message, keyword) {
			out = append(out, m)
		}
	}
	return out
}

// OnMail has f told of each message.
func (e *Endpoint) OnMail(f func(Mail)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.onMail = f
}
