package retention

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Beyond these a value is a slip of the pen, not a wish: EC2 holds 100,000 snapshots in a Region.
const (
	maxCount    = 1_000_000
	maxAge      = 36525 * day // 100 years
	separators  = ",;，；、"
	exampleRule = "last=3 daily=7"
)

// Parse reads a retention value as a person wrote it on an instance or a volume. Its error is one sentence for that person:
// it quotes the value and says what is wrong with it and what would be right.
func Parse(value string) (Rules, error) {
	words := strings.Fields(value)
	if len(words) == 0 {
		return Rules{}, fmt.Errorf("the retention %q is empty; say what to keep, such as 3, 7d or %s", value, exampleRule)
	}
	if err := checkCharacters(value); err != nil {
		return Rules{}, fmt.Errorf("the retention %q %w", value, err)
	}
	if len(words) == 1 && lower(words[0]) == offWord {
		return Rules{Off: true}, nil
	}
	var r Rules
	for _, word := range words {
		if err := r.read(lower(word)); err != nil {
			if len(words) == 1 {
				return Rules{}, fmt.Errorf("the retention %q %w", value, err)
			}
			return Rules{}, fmt.Errorf("the retention %q can't be read: %q %w", value, word, err)
		}
	}
	return r, nil
}

// checkCharacters finds what would otherwise be refused with a puzzling message, or with none that can be seen: full-width
// characters look nearly like plain ones.
func checkCharacters(value string) error {
	for _, c := range value {
		switch {
		case strings.ContainsRune(separators, c):
			return fmt.Errorf("holds a %q; separate the rules by spaces, as in %s", c, exampleRule)
		case c > unicode.MaxASCII && unicode.IsDigit(c), '！' <= c && c <= '～':
			return fmt.Errorf("holds the character %q; write plain (half-width) letters and the digits 0 to 9, as in %s", c, exampleRule)
		}
	}
	return nil
}

// read takes one word in. Its errors, and those of the functions below, go on after the quoted word.
func (r *Rules) read(word string) error {
	name, text, named := strings.Cut(word, "=")
	if !named {
		var err error
		if name, text, err = readBare(word); err != nil {
			return err
		}
	}
	if name == withinRule {
		return r.readWithin(text)
	}
	for _, c := range counted {
		if c.name == name {
			return readCount(name, text, c.n(r))
		}
	}
	return fmt.Errorf("names no known rule; the known ones are %s", knownRules)
}

// readBare finds the rule that a word without a name stands for: 3 is last=3, 7d is within=7d.
func readBare(word string) (name, text string, err error) {
	digits, unit := cutDigits(word)
	switch {
	case digits != "" && unit == "":
		return lastRule, word, nil
	case digits != "" && !strings.ContainsAny(unit, ".e-+"):
		return withinRule, word, nil
	case digits != "", strings.Trim(word, "+-.0123456789") == "":
		return "", "", errors.New("is not a whole number of 1 or more; write it as 3, or as 7d for an age")
	case word == withinRule:
		return withinRule, "", nil
	case word == offWord:
		return "", "", errors.New("must be alone; write only off to exclude the volume, or only the rules")
	}
	for _, c := range counted {
		if c.name == word {
			return c.name, "", nil
		}
	}
	return "", "", fmt.Errorf("is neither a number (3), nor an age (36h, 7d, 2w), nor rules (%s), nor off", exampleRule)
}

func readCount(name, text string, field *int) error {
	if *field != 0 {
		return fmt.Errorf("gives %s a second time; give each rule once", name)
	}
	digits, rest := cutDigits(text)
	switch {
	case text == "":
		return fmt.Errorf("lacks its number; write it as %s=3, without spaces", name)
	case rest != "":
		return fmt.Errorf("needs a whole number of 1 or more; write it as %s=3", name)
	}
	n := count(digits)
	switch {
	case n == 0:
		return errKeepsNothing
	case n > maxCount:
		return fmt.Errorf("is too large; give %d at most", maxCount)
	}
	*field = n
	return nil
}

func (r *Rules) readWithin(text string) error {
	if r.Within != 0 {
		return fmt.Errorf("gives %s a second time; give each rule once", withinRule)
	}
	if text == "" {
		return errors.New("lacks its age; write it as within=7d, without spaces")
	}
	digits, unit := cutDigits(text)
	length, known := units[unit]
	if digits == "" || !known {
		return badAge(digits, unit)
	}
	n := count(digits)
	switch {
	case n == 0:
		return errKeepsNothing
	case n > int(maxAge/length):
		return errors.New("is more than 100 years; give a shorter age, as in 36h, 7d or 2w")
	}
	r.Within = length * time.Duration(n)
	return nil
}

var errKeepsNothing = errors.New("keeps nothing; give 1 or more, or off to exclude the volume")

var units = map[string]time.Duration{"h": time.Hour, "d": day, "w": week}

// badAge says what is wrong with an age. Months and years have no fixed length, and m could be minutes: rather than guess,
// it names the rule that was probably meant.
func badAge(digits, unit string) error {
	rule := map[string]string{"m": "monthly", "y": "yearly"}[unit]
	if n := count(digits); rule != "" && 0 < n && n <= maxCount {
		return fmt.Errorf("has the unit %s, which is not a unit of age; write %s=%d, or count in hours, days or weeks (36h, 7d, 2w)", unit, rule, n)
	}
	return errors.New("is not an age; write it as a whole number of hours, days or weeks: 36h, 7d or 2w")
}

// count reads a number of digits only; one too large for an int is the greatest int, and so beyond all bounds here.
func count(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// cutDigits splits a word after its leading digits.
func cutDigits(word string) (digits, rest string) {
	rest = strings.TrimLeft(word, "0123456789")
	return word[:len(word)-len(rest)], rest
}

// lower changes ASCII letters only: strings.ToLower would make a plain k of the Kelvin sign.
func lower(word string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, word)
}
