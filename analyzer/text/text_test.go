package text_test

import (
	"testing"

	"trailgate/analyzer/text"
)

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 sign-ins", 1: "1 sign-in", 2: "2 sign-ins", 1204: "1204 sign-ins"} {
		if got := text.Count(n, "sign-in"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
