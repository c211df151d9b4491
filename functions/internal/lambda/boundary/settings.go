package boundary

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"
)

// Reader reads settings and collects the errors.
type Settings struct{ errs []error }

// String gives a required setting.
func (r *Settings) String(name string) string {
	v := os.Getenv(name)
	if v == "" {
		r.errs = append(r.errs, fmt.Errorf("%s is not set", name))
	}
	return v
}

// Int gives a positive integer; preset if it is not set.
func (r *Settings) Int(name string, preset int) int { return r.whole(name, 1, preset) }

// Count gives an integer from 0; 0 if it is not set.
func (r *Settings) Count(name string) int { return r.whole(name, 0, 0) }

func (r *Settings) whole(name string, least, preset int) int {
	v := os.Getenv(name)
	if v == "" {
		return preset
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least {
		r.errs = append(r.errs, fmt.Errorf("%s is %q; give a whole number from %d", name, v, least))
	}
	return n
}

// Rate gives a number above 0; preset if it is not set.
func (r *Settings) Rate(name string, preset float64) float64 {
	v := os.Getenv(name)
	if v == "" {
		return preset
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		r.errs = append(r.errs, fmt.Errorf("%s is %q; give a number above 0", name, v))
	}
	return n
}

// Strings gives a JSON object of strings, or none.
func (r *Settings) Strings(name string) map[string]string {
	v := os.Getenv(name)
	if v == "" {
		return nil
	}
	var out map[string]string
	if err := json.Unmarshal([]byte(v), &out); err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s is not a JSON object of strings: %w", name, err))
	}
	return out
}

// List gives a JSON array of strings, or none.
func (r *Settings) List(name string) []string {
	v := os.Getenv(name)
	if v == "" {
		return nil
	}
	var out []string
	if err := json.Unmarshal([]byte(v), &out); err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s is not a JSON array of strings: %w", name, err))
	}
	return out
}

// Some gives a JSON array of strings that must be there, and not empty.
func (r *Settings) Some(name string) []string {
	before := len(r.errs)
	out := r.List(name)
	if len(out) == 0 && len(r.errs) == before {
		r.errs = append(r.errs, fmt.Errorf("%s is not set, or empty", name))
	}
	return out
}

// Durations gives a JSON object of durations above 0, such as {"SnapshotDaily": "48h"}, that must be there, and not empty.
func (r *Settings) Durations(name string) map[string]time.Duration {
	before := len(r.errs)
	texts := r.Strings(name)
	if len(texts) == 0 && len(r.errs) == before {
		r.errs = append(r.errs, fmt.Errorf("%s is not set, or empty", name))
	}
	var out map[string]time.Duration
	for key, text := range texts {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			r.errs = append(r.errs, fmt.Errorf("%s of %s is %q; give a duration above 0, such as 48h", name, key, text))
		}
		if out == nil {
			out = map[string]time.Duration{}
		}
		out[key] = d
	}
	return out
}

// Err says what was wrong.
func (r *Settings) Err() error { return errors.Join(r.errs...) }
