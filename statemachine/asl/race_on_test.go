//go:build race

package asl_test

// raceDetector says whether the race detector is on. It makes everything ten times slower.
const raceDetector = true
