package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one mistake in a policy file, or one thing that looks like a
// mistake.
type Problem struct {
	File    string
	Line    int    // from 1; 0: the file as a whole
	Column  int    // from 1, in characters
	Text    string // one line; text of the file is quoted
	Source  string // the line of the file, unchanged
	Warning bool   // true: the policy can still be used
}

// Error returns the problem in one line: file, line, column and text.
func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Lines returns the problem for a person to read. The first line is that of
// Error. Below it are the line of the file and a marker under the column. The
// text of the file may hold control characters. The caller must escape them
// before printing.
func (p Problem) Lines() []string {
	if p.Line == 0 {
		return []string{p.Error()}
	}
	source, column := clipLine(p.Source, p.Column)
	number := fmt.Sprintf("%5d", p.Line)
	return []string{
		p.Error(),
		number + " | " + source,
		strings.Repeat(" ", len(number)) + " | " + strings.Repeat(" ", column-1) + "^",
	}
}

// clipLine cuts a line that is too long to show. It returns the visible part and
// the column in it. A tab becomes one blank.
func clipLine(line string, column int) (string, int) {
	const width = 120
	length := utf8.RuneCountInString(line)
	column = max(1, min(column, length+1))
	from := max(0, min(column-1-width/2, length-width))
	var cut strings.Builder
	n := 0
	for _, c := range line {
		switch {
		case n < from || n >= from+width:
		case c == '\t':
			cut.WriteByte(' ')
		default:
			cut.WriteRune(c)
		}
		n++
	}
	return cut.String(), column - from
}

// Problems holds the problems of one file, in the order of their places. A
// Problems returned as an error is never empty.
type Problems []Problem

// Error returns the first problem and the number of further ones.
func (p Problems) Error() string {
	switch len(p) {
	case 0:
		return "no problem"
	case 1:
		return p[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", p[0].Error(), len(p)-1)
}

// sortedByPlace orders problems by place, then text, and drops duplicates.
func (p Problems) sortedByPlace() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		return strings.Compare(a.Text, b.Text)
	})
	return slices.Compact(p)
}

// suggestWord returns a hint for a wrong word. It asks about the most similar of
// the words. Without one it lists all words if they are few. Otherwise it returns
// "".
func suggestWord(word string, words []string) string {
	best, distance := "", 3
	for _, w := range words {
		if d := editDistance(strings.ToLower(word), strings.ToLower(w)); d < distance && d < utf8.RuneCountInString(w) {
			best, distance = w, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(": did you mean %q?", best)
	case len(words) <= 15:
		return ": want one of " + strings.Join(words, ", ")
	}
	return ""
}

// editDistance returns how many letters must be inserted, dropped, replaced or
// swapped with a neighbour to turn a into b.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return max(len(x), len(y))
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
