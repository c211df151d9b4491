// Package localstore has object stores for this machine: one in memory, and one in a folder, which several processes may share.
package localstore

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

// Memory is an object store in memory. The zero value is empty and ready.
type Memory struct {
	// Fault, if set, is called before each operation ("get", "put", "create", "replace", "list"). The operation fails with its error.
	Fault func(op, key string) error

	mu      sync.Mutex
	objects map[string]memoryObject
	version int
}

type memoryObject struct {
	body []byte
	etag string
}

// Get gives the object's content, and the ETag for Replace.
func (m *Memory) Get(_ context.Context, key string) (body []byte, etag string, err error) {
	defer m.lock()()
	if err := m.fault("get", key); err != nil {
		return nil, "", err
	}
	o, ok := m.objects[key]
	if !ok {
		return nil, "", fmt.Errorf("get %s: %w", key, store.ErrNotFound)
	}
	return bytes.Clone(o.body), o.etag, nil
}

// Put writes the object. It replaces an existing one.
func (m *Memory) Put(_ context.Context, key string, body []byte) error {
	defer m.lock()()
	if err := m.fault("put", key); err != nil {
		return err
	}
	m.write(key, body)
	return nil
}

// Create writes the object if there is none with the key.
func (m *Memory) Create(_ context.Context, key string, body []byte) error {
	defer m.lock()()
	if err := m.fault("create", key); err != nil {
		return err
	}
	if _, ok := m.objects[key]; ok {
		return fmt.Errorf("create %s: %w", key, store.ErrConflict)
	}
	m.write(key, body)
	return nil
}

// Replace writes the object if it still has the ETag.
func (m *Memory) Replace(_ context.Context, key string, body []byte, etag string) error {
	defer m.lock()()
	if err := m.fault("replace", key); err != nil {
		return err
	}
	if o, ok := m.objects[key]; !ok || o.etag != etag {
		return fmt.Errorf("replace %s: %w", key, store.ErrConflict)
	}
	m.write(key, body)
	return nil
}

// List gives the keys with the prefix, sorted.
func (m *Memory) List(_ context.Context, prefix string) ([]string, error) {
	defer m.lock()()
	if err := m.fault("list", prefix); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.objects)), func(k string) bool { return !strings.HasPrefix(k, prefix) }), nil
}

func (m *Memory) write(key string, body []byte) {
	if m.objects == nil {
		m.objects = map[string]memoryObject{}
	}
	m.version++
	m.objects[key] = memoryObject{bytes.Clone(body), strconv.Itoa(m.version)}
}

func (m *Memory) fault(op, key string) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(op, key)
}

func (m *Memory) lock() func() {
	m.mu.Lock()
	return m.mu.Unlock
}
