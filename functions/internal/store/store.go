// Package store says what an object store answers that is no failure of its own: Amazon S3 in the cloud, a folder on a person's machine.
package store

import "errors"

var (
	// ErrNotFound: there is no object under the key.
	ErrNotFound = errors.New("no such object")
	// ErrConflict: the object is there already (Create), or is another than the one that was read (Replace).
	ErrConflict = errors.New("the object was written by someone else")
)
