package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"golang.org/x/term"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// console is where the command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
	width    int  // columns of the terminal that out is; 0 if it is none, and lines are not folded
	outColor bool // out is a terminal, and its person has not asked for plain text (https://no-color.org)
	errWidth int  // columns of the terminal that err is, 0 if it is none
	asks     bool // there is a person to ask
}

func systemConsole() *console {
	c := &console{in: os.Stdin, out: os.Stdout, err: &oneAtATime{to: os.Stderr}, width: columns(os.Stdout), errWidth: columns(os.Stderr)}
	c.outColor = c.width > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	c.asks = term.IsTerminal(int(os.Stdin.Fd())) && c.errWidth > 0
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		c.width = n
	}
	return c
}

// usualWidth is the width of a terminal that does not say how wide it is.
const usualWidth = 80

func columns(f *os.File) int {
	if !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return usualWidth
}

// oneAtATime lets several write to one writer.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(p)
}

// printf writes to standard output; whatever others wrote is made visible.
func (c *console) printf(format string, args ...any) { ebs.Fprintf(c.out, format, args...) }

// text writes a text of any length, folded at the width of the terminal.
func (c *console) text(format string, args ...any) {
	text := ebs.Visiblef(format, args...)
	if c.width > 0 {
		text = trimmed(unhyphened(lipgloss.Wrap(hyphened(text), c.width, " ")))
	}
	fmt.Fprintln(c.out, text)
}

// hyphen stands for a hyphen while lines are folded: an ID or a date that is broken at one can't be copied. Nobody writes this character,
// which Unicode leaves to private use.
const hyphen = "\ue02d"

func hyphened(text string) string   { return strings.ReplaceAll(text, "-", hyphen) }
func unhyphened(text string) string { return strings.ReplaceAll(text, hyphen, "-") }

// column is a column of a table.
type column struct {
	title string
	solid bool // its cells are not folded: a person copies them
	right bool
	alarm bool // what stands in it is deleted or has failed
}

// table writes rows under the columns' titles, if there are any. On a terminal cells that have no room are folded in their column.
func (c *console) table(columns []column, rows [][]string) {
	const gap = 2
	widths := make([]int, len(columns))
	titles := make([]string, len(columns))
	for i, col := range columns {
		titles[i] = col.title
		widths[i] = lipgloss.Width(col.title)
	}
	t := table.New().Wrap(true).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).BorderRow(false)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i := range row {
			cells[i] = hyphened(ebs.Visible(row[i]))
			widths[i] = max(widths[i], lipgloss.Width(cells[i]))
		}
		t.Row(cells...)
	}
	if strings.Join(titles, "") != "" {
		t.Headers(titles...)
	}
	natural := -gap
	for _, w := range widths {
		natural += w + gap
	}
	t.StyleFunc(func(row, i int) lipgloss.Style {
		s, after := lipgloss.NewStyle(), gap
		if i >= len(columns)-1 { // the last column touches the edge
			after = 0
		}
		s = s.PaddingRight(after)
		if i >= len(columns) {
			return s
		}
		if columns[i].solid {
			s = s.Width(widths[i] + after)
		}
		if columns[i].right {
			s = s.Align(lipgloss.Right)
		}
		if row != table.HeaderRow && columns[i].alarm && c.outColor && rows[row][i] != "0" {
			s = s.Foreground(lipgloss.Red)
		}
		return s
	})
	if c.width > 0 && natural > c.width {
		t.Width(c.width)
	}
	fmt.Fprintln(c.out, trimmed(unhyphened(t.Render())))
}

// untitled is a table without titles; without rows it is nothing.
func (c *console) untitled(rows [][]string, columns ...column) {
	if len(rows) > 0 {
		c.table(columns, rows)
	}
}

// trimmed takes the spaces from the ends of the lines.
func trimmed(text string) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], " ")
	}
	return strings.Join(all, "\n")
}

// confirm asks, and gives an error unless the answer is yes. Without a terminal nobody can answer.
func (c *console) confirm(ctx context.Context, question string) error {
	if !c.asks {
		return errors.New("nothing was changed: there is no terminal to ask at; read what is above, and add --yes if it is right")
	}
	ebs.Fprintf(c.err, "%s Type yes to go on: ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(c.in).ReadString('\n') // an end without an answer is none
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(c.err)
		return errors.New("nothing was changed: stopped")
	case a := <-answer:
		if a != "yes" {
			return errors.New("nothing was changed: the answer was not yes")
		}
		return nil
	}
}

// status is the line of a terminal that says how far something is. Where there is no terminal it says nothing.
type status struct {
	console *console
	last    time.Time
	shown   bool
}

func (c *console) status() *status { return &status{console: c} }

const redraw = 100 * time.Millisecond

// show replaces the line, not too often.
func (s *status) show(text string) {
	if s.console.errWidth == 0 || time.Since(s.last) < redraw {
		return
	}
	s.last, s.shown = time.Now(), true
	fmt.Fprintf(s.console.err, "\r\x1b[K%s", cut(text, s.console.errWidth-1))
}

// clear removes the line.
func (s *status) clear() {
	if s.shown {
		fmt.Fprint(s.console.err, "\r\x1b[K")
		s.shown = false
	}
}

// cut gives as much of a text as has room in so many columns, made visible.
func cut(text string, columns int) string {
	return lipgloss.NewStyle().MaxWidth(columns).Render(ebs.Visible(text))
}
