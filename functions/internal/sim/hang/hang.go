// Package hang is a server for tests that accepts connections and requests, and does not answer. In testing/synctest it hangs in virtual time, so
// that a test of a timeout of minutes takes milliseconds on any machine. A client without a timeout is a deadlock there, which ends the test.
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

// Config is an AWS configuration whose connections all lead to such a server. It answers each request with start, which may be the beginning of
// a response or empty, and then hangs.
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

// serve reads a request, writes the start of a response, and waits until the client closes the connection.
func serve(conn net.Conn, start string) {
	if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		_, _ = io.Copy(io.Discard, request.Body)
	}
	time.Sleep(time.Millisecond) // the client's transport fails if the response is faster than its request
	_, _ = io.WriteString(conn, start)
	_, _ = io.Copy(io.Discard, conn)
}
