package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"trailgate/cmd/trailgate/internal/manual"
)

// The man pages are written by a test. The verbs are only known in this package,
// and the converters must not be part of the program that is shipped.
var (
	manFolder = flag.String("man", "", "write the man pages to this folder (make man does)")
	manDate   = flag.String("man-date", "", "date that they bear, as YYYY-MM-DD")
)

func TestManPages(t *testing.T) {
	folder := *manFolder
	if folder == "" {
		folder = t.TempDir()
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	root := newRoot(&process{now: time.Now})
	root.DisableAutoGenTag = true
	root.InitDefaultHelpFlag()
	header := &doc.GenManHeader{Section: "1", Source: "trailgate " + version, Manual: "Trailgate manual"}
	if day, err := time.Parse(time.DateOnly, *manDate); err == nil {
		header.Date = &day
	}
	fenceHelp(root)
	if err := doc.GenManTree(root, header, folder); err != nil {
		t.Fatal(err)
	}
	topics, err := manual.Topics()
	if err != nil {
		t.Fatal(err)
	}
	mendVerbPages(t, root, folder, topics)
	for _, topic := range topics {
		page := md2man.Render([]byte(topic.ManSource(*manDate)))
		if err := os.WriteFile(filepath.Join(folder, "trailgate-"+topic.Name+".7"), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append(verbPages(root), topicPages(topics)...) {
		checkManPage(t, filepath.Join(folder, name))
	}
}

// fenceHelp marks the examples in the help of each verb, for the converter.
func fenceHelp(cmd *cobra.Command) {
	cmd.Long = manual.FenceExamples(cmd.Long)
	for _, verb := range cmd.Commands() {
		fenceHelp(verb)
	}
}

// mendVerbPages mends the page of each verb. The page of the command refers to all
// topics, and that of a verb to the topic of the same name.
func mendVerbPages(t *testing.T, root *cobra.Command, folder string, topics []manual.Topic) {
	t.Helper()
	for _, name := range verbPages(root) {
		path := filepath.Join(folder, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var see []string
		for _, topic := range topics {
			if name == "trailgate.1" || name == "trailgate-"+topic.Name+".1" {
				see = append(see, topic.Name)
			}
		}
		if err := os.WriteFile(path, []byte(manual.MendVerbPage(string(b), see)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// verbPages names the page of each verb.
func verbPages(cmd *cobra.Command) []string {
	pages := []string{strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"}
	for _, verb := range cmd.Commands() {
		if verb.IsAvailableCommand() && verb.Name() != "help" {
			pages = append(pages, verbPages(verb)...)
		}
	}
	return pages
}

// topicPages names the page of each topic.
func topicPages(topics []manual.Topic) []string {
	var pages []string
	for _, topic := range topics {
		pages = append(pages, "trailgate-"+topic.Name+".7")
	}
	return pages
}

// checkManPage checks that a page has a title and a name, and no Markdown left.
func checkManPage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	page := string(b)
	for _, want := range []string{"\n.TH ", "\n.SH NAME\n"} {
		if !strings.Contains("\n"+page, want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	for _, left := range []string{"```", "\n## ", "](", "|---|"} {
		if strings.Contains(page, left) {
			t.Errorf("%s has %q left of its Markdown", path, left)
		}
	}
	// A text block of a table that is not the last cell of its row must be followed by
	// a tab on the same line. The converter begins a new line, which shifts the cells.
	for _, wrong := range []string{"T}\n\t", "[=false]", "=[]", "=\"\"\n"} {
		if strings.Contains(page, wrong) {
			t.Errorf("%s has %q", path, wrong)
		}
	}
}
