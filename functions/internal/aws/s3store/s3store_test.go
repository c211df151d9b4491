package s3store

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// answering makes a store whose S3 gives the same response to each request, and returns the last request.
func answering(t *testing.T, status int, body string) (*Store, *http.Request) {
	t.Helper()
	last := &http.Request{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*last = *r
		last.Body = io.NopCloser(strings.NewReader(string(content)))
		w.Header().Set("ETag", `"tag"`)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return New(aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}, "bucket"), last
}

func failure(code string) string {
	return fmt.Sprintf("<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func TestConditionsAreSentAsS3RequiresThem(t *testing.T) {
	for name, c := range map[string]struct {
		write       func(*Store) error
		match, none string
	}{
		"put has none":           {func(s *Store) error { return s.Put(t.Context(), "k", []byte("x")) }, "", ""},
		"create only if missing": {func(s *Store) error { return s.Create(t.Context(), "k", []byte("x")) }, "", "*"},
		"replace only that one":  {func(s *Store) error { return s.Replace(t.Context(), "k", []byte("x"), `"tag"`) }, `"tag"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, last := answering(t, http.StatusOK, "")
			if err := c.write(s); err != nil {
				t.Fatal(err)
			}
			got := []string{last.Method, last.Header.Get("If-Match"), last.Header.Get("If-None-Match")}
			if d := cmp.Diff([]string{http.MethodPut, c.match, c.none}, got); d != "" {
				t.Errorf("request (-want +got):\n%s", d)
			}
			if !strings.HasSuffix(last.URL.Path, "/k") {
				t.Errorf("written to %s", last.URL.Path)
			}
		})
	}
}

func TestErrorsAreClassified(t *testing.T) {
	read := func(s *Store) error { _, _, err := s.Get(t.Context(), "k"); return err }
	create := func(s *Store) error { return s.Create(t.Context(), "k", []byte("x")) }
	for name, c := range map[string]struct {
		status int
		code   string
		do     func(*Store) error
		is     error
	}{
		"no such key":              {http.StatusNotFound, "NoSuchKey", read, store.ErrNotFound},
		"there already":            {http.StatusPreconditionFailed, "PreconditionFailed", create, store.ErrConflict},
		"two at the same time":     {http.StatusConflict, "ConditionalRequestConflict", create, store.ErrConflict},
		"a bucket that is missing": {http.StatusNotFound, "NoSuchBucket", read, nil},
		"an error of S3's own":     {http.StatusInternalServerError, "InternalError", create, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := answering(t, c.status, failure(c.code))
			err := c.do(s)
			if err == nil {
				t.Fatal("no error")
			}
			for _, kind := range []error{store.ErrNotFound, store.ErrConflict} {
				if errors.Is(err, kind) != errors.Is(c.is, kind) {
					t.Errorf("error %v: is %v = %v", err, kind, errors.Is(err, kind))
				}
			}
			if !strings.Contains(err.Error(), "s3://bucket/k") {
				t.Errorf("error %v does not name the object", err)
			}
		})
	}
}

// A proxy between us and S3 may respond with its own page, or with nothing.
func TestAnAnswerThatIsNotS3sIsAnErrorAndNotAnEmptyResult(t *testing.T) {
	for name, do := range map[string]func(*Store) error{
		"get":    func(s *Store) error { _, _, err := s.Get(t.Context(), "k"); return err },
		"list":   func(s *Store) error { _, err := s.List(t.Context(), "k"); return err },
		"put":    func(s *Store) error { return s.Put(t.Context(), "k", []byte("x")) },
		"create": func(s *Store) error { return s.Create(t.Context(), "k", []byte("x")) },
	} {
		for _, c := range []struct {
			status int
			body   string
		}{{200, ""}, {200, "<html><body>a proxy</body></html>"}, {202, ""}, {203, "<html><body>a proxy</body></html>"}, {204, ""}, {206, ""}} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			s := New(aws.Config{
				Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
			}, "bucket")
			if err := do(s); !errors.Is(err, errNotS3) {
				t.Errorf("%s, answered with %d %q: error %v", name, c.status, c.body, err)
			}
			server.Close()
		}
	}
}

func TestADenialIsTheContractsErrorAndNamesTheObject(t *testing.T) {
	s, _ := answering(t, http.StatusForbidden, failure("AccessDenied"))
	err := contract.Outermost(s.Put(t.Context(), "k", nil))
	if !contract.Is[*contract.AccessDeniedError](err) || !strings.Contains(err.Error(), "s3://bucket/k") {
		t.Errorf("error %T %v, want an AccessDeniedError that names the object", err, err)
	}
}

func TestGetGivesTheContentAndTheETag(t *testing.T) {
	s, _ := answering(t, http.StatusOK, "content")
	body, tag, err := s.Get(t.Context(), "k")
	if err != nil || string(body) != "content" || tag != `"tag"` {
		t.Errorf("got %q, %s, %v", body, tag, err)
	}
}

func TestListFollowsThePages(t *testing.T) {
	page := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page++
		if want := map[int]string{1: "", 2: "more"}[page]; r.URL.Query().Get("continuation-token") != want {
			t.Errorf("page %d was asked for with token %q", page, r.URL.Query().Get("continuation-token"))
		}
		next := ""
		if page == 1 {
			next = "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
		}
		fmt.Fprintf(w, "<ListBucketResult><Name>bucket</Name>%s<Contents><Key>runs/%d</Key></Contents></ListBucketResult>", next, page)
	}))
	defer s.Close()
	bucket := New(aws.Config{Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "bucket")
	keys, err := bucket.List(t.Context(), "runs/")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"runs/1", "runs/2"}, keys); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
}
