// Package manual gives the topics of the manual: what `trailgate help TOPIC`
// shows, and what the man pages of section 7 are made from. The text comes from
// the package doc. Nothing here writes or knows the verbs of the command.
package manual

import (
	"fmt"
	"io/fs"
	"strings"

	"trailgate/cmd/trailgate/doc"
)

// Topic is one page of the manual.
type Topic struct {
	Name    string // one lower-case word: "policy"
	Summary string // what the page is about, in one line without a full stop
	Body    string // Markdown, without the heading that holds Name and Summary
}

// Topics returns all topics, ordered by name. An error means that a file of the
// package doc does not begin as that package says.
func Topics() ([]Topic, error) {
	names, err := fs.Glob(doc.Files(), "*.md")
	if err != nil {
		return nil, err
	}
	var topics []Topic
	for _, file := range names {
		text, err := fs.ReadFile(doc.Files(), file)
		if err != nil {
			return nil, err
		}
		topic, err := parseTopic(strings.TrimSuffix(file, ".md"), string(text))
		if err != nil {
			return nil, err
		}
		topics = append(topics, topic)
	}
	return topics, nil
}

// parseTopic makes a Topic of the text of a file. The error says that the first line is
// not "# NAME: SUMMARY".
func parseTopic(name, text string) (Topic, error) {
	heading, body, _ := strings.Cut(text, "\n")
	summary, ok := strings.CutPrefix(heading, "# "+name+": ")
	if !ok || summary == "" {
		return Topic{}, fmt.Errorf("topic %q: the first line is %q, want \"# %s: SUMMARY\"", name, heading, name)
	}
	return Topic{Name: name, Summary: summary, Body: strings.TrimLeft(body, "\n")}, nil
}

// List returns one line for each topic, with its name and its summary, for the
// end of `trailgate help`.
func List(topics []Topic) string {
	longest := 0
	for _, t := range topics {
		longest = max(longest, len(t.Name))
	}
	var out strings.Builder
	for _, t := range topics {
		fmt.Fprintf(&out, "  %-*s %s\n", longest, t.Name, t.Summary)
	}
	return out.String()
}

// Text returns a topic as plain text for a terminal. Lines are at most width
// columns long, except in code blocks and for longer words. Width 0 stands for 80. Less
// than 40 is taken as 40, and more than 100 as 100.
func (t Topic) Text(width int) string {
	var title strings.Builder
	writeWrapped(&title, "", "", strings.ToUpper(t.Name)+": "+t.Summary, textColumns(width))
	return title.String() + "\n" + renderText(t.Body, width)
}
