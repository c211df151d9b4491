// Package hang is a server for tests that takes connections and requests, and does not answer. Within testing/synctest it hangs in
// virtual time, so that a test of a time-out of minutes takes milliseconds on any machine; a client without a time-out is a deadlock
// there, which ends the test.
package hang

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Config is an AWS configuration all of whose connections lead to such a server. To each request it writes what is given as
// start, the beginning of an answer or nothing, and hangs then.
func Config(start string) aws.Config {
	endpoint := "http://hang.test"
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go serve(far, start)
			return near, nil
		}
	})
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}
}

// serve reads a request, writes the start of an answer, and waits for the client to hang up.
func serve(conn net.Conn, start string) {
	if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		_, _ = io.Copy(io.Discard, request.Body)
	}
	time.Sleep(time.Millisecond) // the client's transport breaks off if the answer is faster than the end of its writing
	_, _ = io.WriteString(conn, start)
	_, _ = io.Copy(io.Discard, conn)
}
