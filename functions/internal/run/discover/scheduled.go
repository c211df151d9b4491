package discover

import (
	"fmt"
	"slices"
	"strings"
)

// CheckScheduled refuses a keyword that no schedule has, and lists the keywords of the schedules. It names the likely one if the keyword looks
// mistyped. If there is no schedule, it accepts every keyword.
func CheckScheduled(keyword string, scheduled []string) error {
	if len(scheduled) == 0 || slices.Contains(scheduled, keyword) {
		return nil
	}
	keywords := slices.Sorted(slices.Values(scheduled))
	if likely := slices.MinFunc(keywords, func(a, b string) int { return distance(keyword, a) - distance(keyword, b) }); 2*distance(keyword, likely) <= len([]rune(keyword)) {
		return fmt.Errorf("no schedule has the keyword %q; did you mean %q? The keywords are: %s", keyword, likely, strings.Join(keywords, ", "))
	}
	return fmt.Errorf("no schedule has the keyword %q. The keywords are: %s", keyword, strings.Join(keywords, ", "))
}

// distance is how many letters have to be added, removed or replaced to turn a into b, ignoring case.
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
