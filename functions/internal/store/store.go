// Package store has what all object stores share: the errors that are not failures of the store, and the saving of a program's state. The
// stores are Amazon S3 and, on a person's machine, a folder.
package store

import "errors"

var (
	// ErrNotFound says that there is no object with the key.
	ErrNotFound = errors.New("no such object")
	// ErrConflict says that the object exists already (Create), or has changed since it was read (Replace).
	ErrConflict = errors.New("the object was written by someone else")
)
