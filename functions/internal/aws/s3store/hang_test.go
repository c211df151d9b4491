package s3store

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/hang"
)

func TestACallToAServerThatHangsTimesOut(t *testing.T) {
	for name, do := range map[string]func(*testing.T, *Store) error{
		"get":     func(t *testing.T, s *Store) error { _, _, err := s.Get(t.Context(), "k"); return err },
		"list":    func(t *testing.T, s *Store) error { _, err := s.List(t.Context(), "k"); return err },
		"put":     func(t *testing.T, s *Store) error { return s.Put(t.Context(), "k", []byte("x")) },
		"create":  func(t *testing.T, s *Store) error { return s.Create(t.Context(), "k", []byte("x")) },
		"replace": func(t *testing.T, s *Store) error { return s.Replace(t.Context(), "k", []byte("x"), "tag") },
	} {
		starts := []string{""}
		if name == "get" || name == "list" { // S3 answers the others without a body
			starts = append(starts, "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 1000\r\n\r\n<")
		}
		for _, start := range starts {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := do(t, New(hang.Config(start), "bucket"))
				if took := time.Since(begin); err == nil || took != callTimeout {
					t.Errorf("%s, after the start %q of an answer, ended after %v, want %v: %v", name, start, took, callTimeout, err)
				}
			})
		}
	}
}
