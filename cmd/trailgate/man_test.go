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
	if err := doc.GenManTree(root, header, folder); err != nil {
		t.Fatal(err)
	}
	topics, err := manual.Topics()
	if err != nil {
		t.Fatal(err)
	}
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
}
