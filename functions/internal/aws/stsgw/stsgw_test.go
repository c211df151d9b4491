package stsgw

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/hang"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/stssim"
)

func configFor(url string) aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), BaseEndpoint: &url}
}

func TestTheAccountIsAsked(t *testing.T) {
	s := httptest.NewServer(stssim.In("123456789012", http.NotFoundHandler()))
	defer s.Close()
	if got, err := Account(t.Context(), configFor(s.URL)); err != nil || got != "123456789012" {
		t.Errorf("account %q, %v", got, err)
	}
}

func TestAnAnswerWithoutAnAccountIsAnError(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	if got, err := Account(t.Context(), configFor(s.URL)); err == nil || !strings.Contains(err.Error(), "which account this is") {
		t.Errorf("account %q, %v", got, err)
	}
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if _, err := Account(t.Context(), hang.Config("")); err == nil || time.Since(begin) != callTimeout {
			t.Errorf("it ended after %v, want %v: %v", time.Since(begin), callTimeout, err)
		}
	})
}
