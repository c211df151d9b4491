package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

// objects is the interface that the use cases need, also of S3.
type objects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	Put(ctx context.Context, key string, body []byte) error
	Create(ctx context.Context, key string, body []byte) error
	Replace(ctx context.Context, key string, body []byte, etag string) error
	List(ctx context.Context, prefix string) ([]string, error)
}

// stores are the stores that must behave alike: each call gives an empty one.
var stores = map[string]func(t *testing.T) objects{
	"memory": func(*testing.T) objects { return &Memory{} },
	"folder": func(t *testing.T) objects { return openFolder(t, t.TempDir()) },
}

func openFolder(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestAStore(t *testing.T) {
	tests := map[string]func(*testing.T, objects){
		"gives back what was put": func(t *testing.T, o objects) {
			put(t, o, "a/b", "one")
			check(t, o, "a/b", "one")
			put(t, o, "a/b", "two, longer")
			check(t, o, "a/b", "two, longer")
			put(t, o, "a/b", "")
			check(t, o, "a/b", "")
		},
		"keeps large objects whole": func(t *testing.T, o objects) {
			large := strings.Repeat("0123456789abcdef", 1<<16)
			put(t, o, "large", large)
			check(t, o, "large", large)
		},
		"does not share its memory with the caller": func(t *testing.T, o objects) {
			body := []byte("one")
			must(t, o.Put(t.Context(), "a", body))
			copy(body, "XXX")
			got, _ := get(t, o, "a")
			copy(got, "YYY")
			check(t, o, "a", "one")
		},
		"says that there is no such object": func(t *testing.T, o objects) {
			put(t, o, "a/b", "one")
			for _, key := range []string{"b", "a/c", "c/d/e"} {
				body, etag, err := o.Get(t.Context(), key)
				if !errors.Is(err, store.ErrNotFound) || body != nil || etag != "" {
					t.Errorf("get %s: %q, %q, %v; want ErrNotFound alone", key, body, etag, err)
				}
			}
		},
		"creates what is not there, and only that": func(t *testing.T, o objects) {
			must(t, o.Create(t.Context(), "a", []byte("one")))
			conflict(t, o.Create(t.Context(), "a", []byte("two")))
			conflict(t, o.Create(t.Context(), "a", []byte("one")))
			check(t, o, "a", "one")
		},
		"replaces what is still as it was read, and only that": func(t *testing.T, o objects) {
			put(t, o, "a", "one")
			_, before := get(t, o, "a")
			must(t, o.Replace(t.Context(), "a", []byte("two"), before))
			conflict(t, o.Replace(t.Context(), "a", []byte("three"), before))
			check(t, o, "a", "two")
			_, after := get(t, o, "a")
			put(t, o, "a", "someone else's")
			conflict(t, o.Replace(t.Context(), "a", []byte("three"), after))
			check(t, o, "a", "someone else's")
		},
		"gives an object's tag again while nobody writes it": func(t *testing.T, o objects) {
			put(t, o, "a", "one")
			_, before := get(t, o, "a")
			put(t, o, "b", "two")
			if _, after := get(t, o, "a"); before != after || before == "" {
				t.Errorf("the tag was %q and is %q", before, after)
			}
		},
		"replaces nothing that is not there": func(t *testing.T, o objects) {
			conflict(t, o.Replace(t.Context(), "a", []byte("one"), "a tag"))
			conflict(t, o.Replace(t.Context(), "a", []byte("one"), ""))
			if _, _, err := o.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is there all the same: %v", err)
			}
		},
		"lists keys by their beginning, in order": func(t *testing.T, o objects) {
			for _, key := range []string{"runs/b/2.json", "runs/a/1.json", "runs/a/10.json", "runs/a-b/1.json", "runs/ab.json", "pacing.json"} {
				put(t, o, key, "x")
			}
			for prefix, want := range map[string][]string{
				"":              {"pacing.json", "runs/a-b/1.json", "runs/a/1.json", "runs/a/10.json", "runs/ab.json", "runs/b/2.json"},
				"runs/a/":       {"runs/a/1.json", "runs/a/10.json"},
				"runs/a":        {"runs/a-b/1.json", "runs/a/1.json", "runs/a/10.json", "runs/ab.json"},
				"runs/a/1":      {"runs/a/1.json", "runs/a/10.json"},
				"runs/a/1.json": {"runs/a/1.json"},
				"runs/c/":       nil,
				"nothing":       nil,
			} {
				checkList(t, o, prefix, want)
			}
		},
		"takes keys with characters that mean something elsewhere": func(t *testing.T, o objects) {
			keys := []string{
				`runs/%2E%2E/x`, `runs/a b:c=d+e@f/x`, `runs/a*?[b]/x`, `runs/back\slash`, `runs/每日/x`, `runs/..dots../x`, `runs/.hidden`, `runs/x.lock`,
			}
			for _, key := range keys {
				put(t, o, key, key)
			}
			for _, key := range keys {
				check(t, o, key, key)
				conflict(t, o.Create(t.Context(), key, nil))
				checkList(t, o, key, []string{key})
			}
		},
		"lets exactly one of many create": func(t *testing.T, o objects) {
			var won, lost atomic.Int32
			var last atomic.Value
			together(func(n int) {
				body := fmt.Sprint(n)
				switch err := o.Create(t.Context(), "runs/claim", []byte(body)); {
				case err == nil:
					won.Add(1)
					last.Store(body)
				case errors.Is(err, store.ErrConflict):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
			if won.Load() != 1 || lost.Load() != many-1 {
				t.Fatalf("%d created it and %d did not", won.Load(), lost.Load())
			}
			check(t, o, "runs/claim", last.Load().(string))
		},
		"loses no replacement of many": func(t *testing.T, o objects) {
			put(t, o, "ledger", "")
			together(func(n int) {
				for {
					body, etag := get(t, o, "ledger")
					err := o.Replace(t.Context(), "ledger", fmt.Appendf(body, "%d.", n), etag)
					if err == nil {
						return
					}
					if !errors.Is(err, store.ErrConflict) {
						t.Error(err)
						return
					}
				}
			})
			body, _ := get(t, o, "ledger")
			for n := range many {
				if !bytes.Contains(append([]byte("."), body...), fmt.Appendf(nil, ".%d.", n)) {
					t.Errorf("%s lacks %d", body, n)
				}
			}
		},
	}
	for name, open := range stores {
		t.Run("in "+name, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, open(t)) })
			}
		})
	}
}

const many = 20

func together(do func(n int)) {
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() { do(n) })
	}
	all.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func conflict(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
}

func put(t *testing.T, o objects, key, body string) {
	t.Helper()
	must(t, o.Put(t.Context(), key, []byte(body)))
}

func get(t *testing.T, o objects, key string) (body []byte, etag string) {
	t.Helper()
	body, etag, err := o.Get(t.Context(), key)
	if err != nil {
		t.Error(err)
	}
	return body, etag
}

func check(t *testing.T, o objects, key, want string) {
	t.Helper()
	if got, _ := get(t, o, key); string(got) != want {
		t.Errorf("%s holds %.40q, want %.40q", key, got, want)
	}
}

func checkList(t *testing.T, o objects, prefix string, want []string) {
	t.Helper()
	got, err := o.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 {
		got = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys with the prefix %q (-want +got):\n%s", prefix, diff)
	}
}
