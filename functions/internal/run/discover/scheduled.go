package discover

import (
	"fmt"
	"slices"
	"strings"
)

// CheckScheduled refuses a keyword that is not one of the schedules', and says which there are, the likely one first. Without any
// schedule each keyword will do.
func CheckScheduled(keyword string, scheduled []string) error {
	if len(scheduled) == 0 || slices.Contains(scheduled, keyword) {
		return nil
	}
	known := slices.Clone(scheduled)
	slices.Sort(known)
	if likely := slices.MinFunc(known, func(a, b string) int { return distance(keyword, a) - distance(keyword, b) }); 2*distance(keyword, likely) <= len([]rune(keyword)) {
		return fmt.Errorf("no schedule has the keyword %q; did you mean %q? The schedules have: %s", keyword, likely, strings.Join(known, ", "))
	}
	return fmt.Errorf("no schedule has the keyword %q. The schedules have: %s", keyword, strings.Join(known, ", "))
}

// distance is how many letters have to be added, left out or replaced to make b of a, whatever their case.
func distance(a, b string) int {
	from, to := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j := range to {
			cost := 1
			if from[i] == to[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(to)]
}
