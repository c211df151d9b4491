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

// Endpoint is the endpoint of all AWS APIs here. It invokes the Lambda functions itself and forwards all other calls to moto. It can
// make a function or an API call fail, and it records the calls of the functions.
type Endpoint struct {
	URL      string
	Lambda   *Lambda
	moto     *url.URL
	region   string
	folder   string    // of the functions' code
	refusals io.Writer // the log of refused calls
	server   *http.Server

	mu           sync.Mutex
	functions    map[string]function
	behaviours   []func(Call) Behaviour
	interceptors []func(APICall) *Interception
	calls        []Call
	mails        []Mail
	onMail       func(Mail)
}

// Mail is a message that was published to the alerts' topic.
type Mail struct{ Subject, Message string }

const (
	maxBody = 64 << 20
	account = "123456789012" // moto's
)

// newEndpoint starts to listen. It serves as soon as moto's address is known.
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
			r.Out.Host = r.In.Host // moto reads the bucket and the service from it
		},
		ModifyResponse: e.logRefusal,
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
	go func() { _ = e.server.Serve(listener) }() // Close ends it
}

// logRefusal logs what moto refused. If something fails, look there first.
func (e *Endpoint) logRefusal(r *http.Response) error {
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

// Close stops the endpoint.
func (e *Endpoint) Close() {
	if e.server != nil {
		_ = e.server.Close()
	}
}

// SetBehaviour makes f decide how functions behave, until stop is called.
func (e *Endpoint) SetBehaviour(f func(Call) Behaviour) (stop func()) {
	return install(e, &e.behaviours, f)
}

// Intercept makes f decide what happens to API calls, until stop is called. If f returns nil, the call is forwarded unchanged.
func (e *Endpoint) Intercept(f func(APICall) *Interception) (stop func()) {
	return install(e, &e.interceptors, f)
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

// Calls returns the calls of functions for the runs of a keyword, in the order of their answers.
func (e *Endpoint) Calls(keyword string) []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Call
	for _, c := range e.calls {
		if c.Keyword == keyword {
			out = append(out, c)
		}
	}
	return out
}

// mailbox is the path of an HTTP subscription to the topic. It replaces the e-mail subscription of a person.
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

// Mails returns the messages that contain a text, such as a keyword.
func (e *Endpoint) Mails(text string) []Mail {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Mail
	for _, m := range e.mails {
		if strings.Contains(m.Subject+"\n"+m.Message, text) {
			out = append(out, m)
		}
	}
	return out
}

// OnMail makes the endpoint call f for each message.
func (e *Endpoint) OnMail(f func(Mail)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.onMail = f
}
