// Package text writes counts in words, for reasons, warnings and messages. It
// takes numbers and returns short English texts. It imports no other package of
// this module.
package text

import "fmt"

// Count writes a number and the noun that it counts: "1 sign-in", "3 sign-ins".
// The noun is in the singular, and its plural ends in "s".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
