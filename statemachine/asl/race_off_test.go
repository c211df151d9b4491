//go:build !race

package asl_test

const raceDetector = false
