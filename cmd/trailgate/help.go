package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"trailgate/cmd/trailgate/internal/manual"
)

// setHelp gives root its help verb. The help of root then ends with the topics
// of the manual, and the help of a verb with the topic of the same name, if there
// is one.
func setHelp(root *cobra.Command, p *process) {
	root.SetHelpCommand(newHelp(p))
	usual := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		usual(cmd, args)
		topics, err := manual.Topics()
		if err != nil {
			return // the tests show that the topics can be read
		}
		if cmd == root {
			cmd.Printf("\nTopics, shown by \"trailgate help TOPIC\":\n%s", manual.List(topics))
		}
		if slices.ContainsFunc(topics, func(t manual.Topic) bool { return t.Name == cmd.Name() }) {
			cmd.Printf("\nThe manual: trailgate help %s\n", cmd.Name())
		}
	})
}

func newHelp(p *process) *cobra.Command {
	return &cobra.Command{
		Use:   "help [TOPIC | VERB...]",
		Short: "Show a topic of the manual, or the flags of a verb",
		Long: `Help shows a topic of the manual. Without an argument it lists the topics and the
verbs. For a verb that is not also a topic it shows the flags, as VERB --help does.`,
		Example: `  trailgate help policy
  trailgate help audit`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return helpNames(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.showHelp(cmd.Root(), args) },
	}
}

// showHelp shows the topic or the verb that args name. A topic goes before a
// verb of the same name, since the verb's flags are also shown by --help.
func (p *process) showHelp(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		root.InitDefaultHelpFlag()
		return root.Help()
	}
	topics, err := manual.Topics()
	if err != nil {
		return err
	}
	verb, rest, err := root.Find(args)
	isVerb := err == nil && len(rest) == 0 && verb != root
	for _, t := range topics {
		if len(args) == 1 && t.Name == args[0] {
			text := t.Text(p.width)
			if isVerb {
				text += fmt.Sprintf("\nThe flags of this verb: %s --help\n", verb.CommandPath())
			}
			_, err := io.WriteString(p.stdout, text)
			return err
		}
	}
	if !isVerb {
		return unknownTopic(root, strings.Join(args, " "))
	}
	verb.InitDefaultHelpFlag()
	return verb.Help()
}

// unknownTopic is the error for a name that is neither a topic nor a verb. It
// suggests the names that look like it.
func unknownTopic(root *cobra.Command, name string) error {
	all := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, known := range helpNames(root) {
		all.AddCommand(&cobra.Command{Use: known, Run: func(*cobra.Command, []string) {}})
	}
	hint := "trailgate help lists the topics and the verbs"
	if near := all.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean \"trailgate help " + near[0] + "\"? " + hint
	}
	return hinted{usagef("%q is neither a topic nor a verb", name), hint}
}

// helpNames returns the names of all topics and verbs, sorted, each once.
func helpNames(root *cobra.Command) []string {
	var names []string
	for _, verb := range root.Commands() {
		if verb.IsAvailableCommand() {
			names = append(names, verb.Name())
		}
	}
	topics, err := manual.Topics()
	if err != nil {
		return names
	}
	for _, t := range topics {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
