// Package asl interprets the subset of the Amazon States Language (JSONPath) that this project's definition uses.
//
// It is a tool for tests and demonstrations: the real definition runs with the real handlers in one process, with the machine's clock
// or in virtual time. It behaves like AWS, with AWS's quotas. It refuses what it does not support: the error of [Parse] has the state
// and the field. If AWS's documentation of the service and the specification of the language differ, it follows the service: a path
// that finds nothing, a failing intrinsic function and a Choice without a match are all States.Runtime, which nothing catches.
//
// In virtual time, only code that waits with its [World] uses virtual time. For example, a retry inside the AWS SDK waits in real time.
//
// It does not support redrives, versions and aliases, logging, the delay between two states (there is none), and the order of an
// object's fields (they are sorted).
package asl
