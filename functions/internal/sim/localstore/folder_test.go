package localstore

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

func TestNoKeyLeadsOutOfTheFolder(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "store")
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := openFolder(t, dir)
	put(t, f, "runs/a", "x")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"../secret", "runs/../../secret", filepath.Join(outside, "secret"), "link/secret"} {
		t.Run(key, func(t *testing.T) {
			if body, _, err := f.Get(t.Context(), key); err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("get gave %q, %v; want a refusal", body, err)
			}
			for op, err := range map[string]error{
				"put":     f.Put(t.Context(), key, []byte("overwritten")),
				"create":  f.Create(t.Context(), key+"2", []byte("overwritten")),
				"replace": f.Replace(t.Context(), key, []byte("overwritten"), contentTag([]byte("secret"))),
			} {
				if err == nil {
					t.Errorf("%s was not refused", op)
				}
			}
			if keys, err := f.List(t.Context(), key); len(keys) > 0 {
				t.Errorf("list gave %v, %v", keys, err)
			}
		})
	}
	if diff := cmp.Diff([]string{"secret", "store"}, names(t, outside)); diff != "" {
		t.Errorf("what is outside (-want +got):\n%s", diff)
	}
	if body, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(body) != "secret" {
		t.Errorf("the file outside holds %q (%v)", body, err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestTwoStoresMayShareAFolder(t *testing.T) {
	dir := t.TempDir()
	a, b := openFolder(t, dir), openFolder(t, dir)
	put(t, a, "runs/x", "one")
	check(t, b, "runs/x", "one")
	conflict(t, b.Create(t.Context(), "runs/x", []byte("two")))
	_, etag := get(t, a, "runs/x")
	must(t, b.Replace(t.Context(), "runs/x", []byte("two"), etag))
	conflict(t, a.Replace(t.Context(), "runs/x", []byte("three"), etag))
	check(t, a, "runs/x", "two")

	var won atomic.Int32
	together(func(n int) {
		err := []*Folder{a, b}[n%2].Create(t.Context(), "runs/claim", []byte("mine"))
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, store.ErrConflict) {
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d created the same object", won.Load())
	}
}

func TestAFolderKeepsItsObjects(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	put(t, openFolder(t, dir), "runs/x", "one")
	f := openFolder(t, dir)
	check(t, f, "runs/x", "one")
	if got, want := f.Path("runs/x"), filepath.Join(dir, "runs", "x"); got != want {
		t.Errorf("the object is at %s, want %s", got, want)
	}
	if body, err := os.ReadFile(f.Path("runs/x")); err != nil || string(body) != "one" {
		t.Errorf("its file holds %q (%v)", body, err)
	}
}

func TestAFolderDoesNotListHalfWrittenObjects(t *testing.T) {
	f := openFolder(t, t.TempDir())
	put(t, f, "runs/x", "one")
	if err := os.WriteFile(f.Path("runs/y"+partial), []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkList(t, f, "", []string{"runs/x"})
	put(t, f, "runs/y", "half and half")
	checkList(t, f, "", []string{"runs/x", "runs/y"})
}

func TestAFolderThatCannotBeOpenedIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := OpenFolder(filepath.Join(file, "store")); err == nil {
		t.Errorf("OpenFolder gave %v below a file", f)
	}
}
