package doc_test

import (
	"io/fs"
	"strings"
	"testing"

	"trailgate/cmd/trailgate/doc"
)

// TestTitles wants each topic to begin with its name and a summary.
func TestTitles(t *testing.T) {
	paths, err := fs.Glob(doc.Files(), "*.md")
	if err != nil || len(paths) < 9 {
		t.Fatalf("%d topics, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := fs.ReadFile(doc.Files(), path)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(string(text), "\n")
		name := strings.TrimSuffix(path, ".md")
		if summary, ok := strings.CutPrefix(title, "# "+name+": "); !ok || summary == "" {
			t.Errorf("%s begins with %q", path, title)
		}
	}
}
