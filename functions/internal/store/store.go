// Package store says what the use cases need of an object store (Amazon S3 in the cloud), and has two that need none: one in
// memory and one in a folder.
package store

import "errors"

var (
	// ErrNotFound: there is no object under the key.
	ErrNotFound = errors.New("no such object")
	// ErrConflict: the object is there already (Create), or is another than the one that was read (Replace).
	ErrConflict = errors.New("the object was written by someone else")
)
