package localstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

// Folder is an object store in a folder of this machine. Several processes may share it.
type Folder struct {
	dir  string
	root *os.Root // no key leads out of the folder, even with ..
}

const lockFile = ".lock"

// OpenFolder opens the store in dir. It creates dir if it does not exist.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for manifests and reports: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder for manifests and reports: %w", err)
	}
	return &Folder{dir, root}, nil
}

// Path gives the file of the object.
func (f *Folder) Path(key string) string { return filepath.Join(f.dir, filepath.FromSlash(key)) }

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Get gives the object's content, and the ETag for Replace.
func (f *Folder) Get(_ context.Context, key string) (body []byte, etag string, err error) {
	body, err = f.root.ReadFile(filepath.FromSlash(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("get %s: %w", f.Path(key), store.ErrNotFound)
	}
	if err != nil {
		return nil, "", err
	}
	return body, contentTag(body), nil
}

// Has says whether there is an object under the key.
func (f *Folder) Has(key string) (bool, error) {
	_, err := f.root.Stat(filepath.FromSlash(key))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Put writes the object. It replaces an existing one.
func (f *Folder) Put(ctx context.Context, key string, body []byte) error {
	return f.locked(func() error { return f.write(key, body) })
}

// Create writes the object if there is none with the key.
func (f *Folder) Create(ctx context.Context, key string, body []byte) error {
	return f.locked(func() error {
		_, _, err := f.Get(ctx, key)
		if err == nil {
			return fmt.Errorf("create %s: %w", f.Path(key), store.ErrConflict)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return f.write(key, body)
	})
}

// Replace writes the object if it still has the ETag.
func (f *Folder) Replace(ctx context.Context, key string, body []byte, etag string) error {
	return f.locked(func() error {
		_, now, err := f.Get(ctx, key)
		missing := errors.Is(err, store.ErrNotFound)
		if err != nil && !missing {
			return err
		}
		if missing || now != etag {
			return fmt.Errorf("replace %s: %w", f.Path(key), store.ErrConflict)
		}
		return f.write(key, body)
	})
}

// List gives the keys with the prefix, sorted.
func (f *Folder) List(_ context.Context, prefix string) ([]string, error) {
	var keys []string
	start := path.Dir(prefix + "x") // the folder that the prefix is in
	err := fs.WalkDir(f.root.FS(), start, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && p == start {
			return nil
		}
		if err == nil && !d.IsDir() && strings.HasPrefix(p, prefix) && !strings.HasSuffix(p, partial) && p != lockFile {
			keys = append(keys, p)
		}
		return err
	})
	slices.Sort(keys) // a walk gives "a/b" before "a-b"
	return keys, err
}

const partial = ".partial"

// write creates a new file and renames it, so that no reader sees half a file, even after a crash.
func (f *Folder) write(key string, body []byte) error {
	name := filepath.FromSlash(key)
	if err := f.root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if err := f.root.WriteFile(name+partial, body, 0o600); err != nil {
		return err
	}
	return f.root.Rename(name+partial, name)
}

func (f *Folder) locked(do func() error) error {
	l := flock.New(filepath.Join(f.dir, lockFile))
	if err := l.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", f.dir, err)
	}
	return errors.Join(do(), l.Close())
}

func contentTag(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
