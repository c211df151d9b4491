// Package asl interprets the subset of the Amazon States Language (JSONPath) that this project's definition uses.
//
// It is a tool for tests and demonstrations: the real definition runs with the real handlers in one process, on the machine's
// clock or in virtual time. It models what AWS does, quotas included, and refuses what it does not model: [Parse] names the state
// and the field. Where AWS's documentation of its service and the language's specification differ, it follows the service: a path
// that finds nothing, a failing intrinsic function and a Choice without a match are all States.Runtime, which nothing catches.
//
// In virtual time, only what waits by its [World] takes that world's time: a retry inside of the AWS SDK, say, waits for real.
//
// What it knowingly leaves out: redriving, versions and aliases, logging, the delay between two states (they take no time),
// and the order of an object's fields (they are written sorted).
package asl
