//go:build race

package asl_test

// raceDetector makes everything ten times slower.
const raceDetector = true
