package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
)

// totals gives "create 3, keep 9, delete 2 snapshots".
func totals(t plan.Totals) string {
	return fmt.Sprintf("create %d, keep %d, delete %d snapshots.", t.Create, t.Keep, t.Delete)
}

// bound says what snapshots cost at most, and that this is not an estimate.
func (c *console) bound(b ebs.StorageBound) {
	if b.USDPerMonth >= 0.005 {
		c.text("What is kept costs at most %.2f USD a month: %.0f GiB, priced as in us-east-1. This is an upper bound, not an estimate: EBS stores a "+
			"block once however many snapshots have it, and does not say how much that is.", b.USDPerMonth, b.GiB)
	}
}

func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil { // it was checked where it was read
		return time.UTC
	}
	return zone
}

// quoted is the text as a shell takes it for one word.
func quoted(text string) string {
	plain := func(r rune) bool {
		return r > ' ' && r <= '~' && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("_.:/=+@-", r))
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
