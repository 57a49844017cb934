// Package doc holds the manual of the command: one Markdown file for each topic.
// A topic can be read here, on a forge, and with `trailgate help TOPIC`. The first
// line of a file is "# NAME: SUMMARY", and NAME is the name of the file.
package doc

import (
	"embed"
	"io/fs"
)

//go:embed *.md
var files embed.FS

// Files returns the topics as files with the names that they have in this folder:
// NAME.md.
func Files() fs.FS { return files }
