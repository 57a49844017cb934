package policy_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
)

// expensivePolicies makes policies of about n bytes that are expensive for a YAML
// parser. The key is the kind of policy.
func expensivePolicies(n int) map[string]string {
	const head = "version: 1\nrules:\n"
	run := func(begin, unit, end string) string {
		return head + begin + strings.Repeat(unit, max(0, n-len(head+begin+end))/len(unit)) + end
	}
	lines := func(line func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < n-100; i++ {
			b.WriteString(line(i))
		}
		return b.String()
	}
	deep := strings.Repeat("{"+strings.Repeat("k", 40)+": ", 58)
	return map[string]string{
		"dashes": run("", "- ", ""), "question marks": run("", "? ", ""), "tags": run("- ", "!a ", ""), "anchors": run("- ", "&a ", ""),
		"tags and anchors": run("- ", "&a !a ", ""), "tags on lines": run("- ", "!a\n  ", ""), "colons": run("a", ": a", ""), "bare colons": run("", ": ", ""),
		"brackets": run("- ", "[", ""), "braces": run("- ", "{a: ", ""), "brackets closed": run("- ", "[[[[[[]]]]]],", ""),
		"dashes in a bracket": run("- [", "- ", "]"), "question marks in a bracket": run("- [", "? ", "]"), "colons in a brace": run("- {", "a: ", "}"),
		"deeper keys":     head + lines(func(i int) string { return strings.Repeat(" ", i) + "a:\n" }),
		"deeper dashes":   head + lines(func(i int) string { return strings.Repeat(" ", i) + "-\n" }),
		"deeper words":    head + lines(func(i int) string { return strings.Repeat(" ", i) + "- a\n" }),
		"many anchors":    head + lines(func(i int) string { return fmt.Sprintf("- &a%d x\n", i) }),
		"many aliases":    run("- &a x\n", "- *a\n", ""),
		"many keys":       "version: 1\n" + lines(func(i int) string { return fmt.Sprintf("k%d: v\n", i) }),
		"keys in a brace": head + "- {" + lines(func(i int) string { return fmt.Sprintf("k%d: v, ", i) }) + "}",
		"words in braces": head + "- {" + lines(func(i int) string { return fmt.Sprintf("k%d, ", i) }) + "}",
		"double quote":    run("- \"", "a ", ""), "single quote": run("- '", "a\n  ", ""), "many texts": run("- [", "\"a\",", "]"),
		"documents": run("", "---\n", ""), "documents with something": run("", "--- a\n", ""), "ends": run("", "...\n", ""), "directives": run("", "%a b\n", ""),
		"empty entries": run("", "-\n", ""), "entries": run("", "- a\n", ""), "short list": run("- [", "a,", "]"), "braced words": run("- [", "{a},", "]"),
		"commas": run("- [", ",", ""), "literals": run("", "- |\n", ""), "comments": run("", "# a\n", ""), "empty lines": run("", "\n", ""),
		"long key":        head + "- " + strings.Repeat("k", n/2) + ": [" + strings.Repeat("a,", n/4) + "]",
		"long and deep":   head + "- " + deep + "[" + strings.Repeat("a,", max(0, n-len(deep)-100)/2) + "]" + strings.Repeat("}", 58),
		"unknown Regions": run("- allow: [", "a,", "]"), "replicas": run("- allow: \"idc-home+[", "a,", "]\""),
		"long globs": head + strings.Repeat("- {match: {user: \""+strings.Repeat("*a", max(1, n/4-50))+"\"}, allow: [global]}\n", 2),
		"two lists of globs": head + strings.Repeat("- allow: [global]\n  match:\n    user:\n"+
			strings.Repeat("    - \"*u*v?*\"\n", n/40), 2),
	}
}

// TestExpensivePolicies checks that no file makes the reader use more than this
// much memory, and that the number of problems is bounded.
func TestExpensivePolicies(t *testing.T) {
	size := 100_000
	if testing.Short() {
		size = 30_000
	}
	for name, text := range expensivePolicies(size) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := policy.Parse("p.yaml", []byte(text), region.Table{})
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 500<<20 {
				t.Errorf("%d MB were allocated: %.200v", got>>20, err)
			}
			var problems policy.Problems
			if errors.As(err, &problems) && len(problems) > 1000 {
				t.Errorf("%d problems", len(problems))
			}
		})
	}
}
