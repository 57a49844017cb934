package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"trailgate/analyzer/detect"
	"trailgate/analyzer/endpoint"
	"trailgate/cmd/trailgate/internal/explain"
	"trailgate/ingest/aws/region"
)

func newExplain(p *process) *cobra.Command {
	read := defaultReadFlags()
	var out outputFlags
	var expect judgeFlags
	cmd := &cobra.Command{
		Use:   "explain X",
		Short: "Say in words which endpoint a sign-in URL, a host or a record stands for, and why",
		Long: `Explain takes a sign-in URL or a host. It says through which endpoint people who
open it will sign in, and in which Region CloudTrail will record them.

It also takes CloudTrail JSON: as text, as a file, or on standard input (-). It
then says what the verdict on each sign-in in it is, and why. With --policy or
--baseline it also says what is expected of the person, and which rule decided.`,
		Example: `  trailgate explain https://example.signin.aws.amazon.com/console
  trailgate explain eu-west-1.signin.aws.amazon.com
  trailgate explain - < record.json`,
		Args: oneArg("a sign-in URL, a host, or a record"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(p, cmd.Flags()); err != nil {
				return err
			}
			if err := read.readTable(); err != nil {
				return err
			}
			detector, err := expect.judge(p, read.table)
			if err != nil {
				return err
			}
			all, failed := p.explainArgument(cmd.Context(), args[0], read.table, detector)
			if errors.Is(failed, explain.ErrNoSignIn) {
				return hinted{failed, "a sign-in is a record with eventSource signin.amazonaws.com and eventName ConsoleLogin"}
			}
			if len(all) == 0 {
				return failed
			}
			err = out.write(p, false, func(w io.Writer) error {
				for i, e := range all {
					if err := e.Write(w, i, out.format); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil && failed != nil {
				p.complain("skipped: " + failed.Error())
				err = errSkipped
			}
			return err
		},
	}
	out.registerOutput(cmd.Flags(), tableAndJSON())
	expect.registerExpectations(cmd.Flags())
	cmd.Flags().StringVar(&read.regionsFile, "regions-file", "", "`file` with Regions that the built-in table lacks, each line PARTITION REGION")
	return cmd
}

// explainArgument finds out whether the argument is a document, a file, a URL or a
// host, and explains it. A document may give several explanations. If a part of it
// cannot be read, the error comes with the explanations of the rest. The detector may
// be nil.
func (p *process) explainArgument(ctx context.Context, arg string, table region.Table, detector *detect.Detector) ([]explain.Explanation, error) {
	switch {
	case arg == "-":
		return explain.Records(ctx, p.stdin, "standard input", table, detector)
	case strings.HasPrefix(strings.TrimSpace(arg), "{"):
		return explain.Records(ctx, strings.NewReader(arg), "the argument", table, detector)
	}
	const hint = "give a sign-in URL, a host such as eu-west-1.signin.aws.amazon.com, or a file with a CloudTrail record, or - and the record on standard input"
	switch info, err := os.Stat(arg); {
	case err == nil && info.IsDir():
		return nil, hinted{usagef("%q is a folder", arg), hint}
	case err == nil:
		return explainFile(ctx, arg, table, detector)
	case !strings.Contains(arg, "://") && slices.Contains([]string{".json", ".jsonl", ".ndjson", ".gz"}, filepath.Ext(arg)):
		return nil, err // a host does not end like this, so a file was meant
	}
	if !strings.ContainsAny(arg, "./:") && strings.TrimSpace(arg) != "" {
		return nil, hinted{usagef("%q is %s", arg, describeWord(arg, table)), hint}
	}
	u, err := endpoint.ParseURL(table, arg)
	if err != nil {
		return nil, hinted{usageError{err}, hint}
	}
	return []explain.Explanation{explain.URL(arg, u)}, nil
}

// explainFile explains the records in a file.
func explainFile(ctx context.Context, path string, table region.Table, detector *detect.Detector) ([]explain.Explanation, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	all, err := explain.Records(ctx, h, path, table, detector)
	return all, errors.Join(err, h.Close())
}

// describeWord says what a word is that is neither a URL nor a host.
func describeWord(arg string, table region.Table) string {
	switch {
	case table.Known(arg):
		return "a Region, not a host"
	case strings.EqualFold(strings.TrimSpace(arg), endpoint.GlobalName):
		return "a value of the endpoint column, not a host"
	}
	return "neither a URL, nor a host, nor the name of a file"
}
