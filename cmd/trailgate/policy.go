package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"trailgate/analyzer"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/policy/learn"
	"trailgate/analyzer/text"
	"trailgate/ingest"
	"trailgate/ingest/aws/region"
	"trailgate/report"
)

func newPolicy(p *process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check a policy file, draft one from history, or print its JSON Schema",
		Long: `A policy file says who may sign in through which endpoint. The verb check names the
mistakes in a policy. The verb learn drafts a policy from past sign-ins. The verb
schema prints a JSON Schema, which editors use to complete and check policy files.`,
		Example: `  trailgate policy check policy.yaml --against s3://my-trail-bucket --since 90d
  trailgate policy learn s3://my-trail-bucket --since 90d -o policy.yaml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usagef("unknown verb %q: want policy check, policy learn or policy schema", "policy "+args[0])
		},
	}
	cmd.AddCommand(newPolicyCheck(p), newPolicyLearn(p), newPolicySchema(p))
	return cmd
}

func newPolicyCheck(p *process) *cobra.Command {
	read := defaultReadFlags()
	var against []string
	var strict bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Name the mistakes in a policy file by line and column",
		Long: `Check reads a policy file and names each mistake in it by file, line and column. It
warns of rules that can never decide because earlier rules match first. With
--against it also reads a source. It then warns of globs that match nobody in the
source, and of exceptions that have expired or were never used.

Exit status: 0 the policy can be used, with or without warnings; 2 it cannot be
used, or there are warnings and --strict was given; 3 a part of the source could
not be read.`,
		Example: `  trailgate policy check policy.yaml
  trailgate policy check policy.yaml --against ./trail`,
		Args: oneArg("the policy file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			window, err := read.window(p.now())
			if err != nil {
				return err
			}
			rules, err := p.readPolicy(args[0], read.table)
			if err != nil {
				return err
			}
			warnings := rules.Warnings()
			p.tellProblems(warnings)
			tally := policy.Tally{Policy: rules}
			var failed error
			if len(against) > 0 {
				failed = p.tallySources(cmd.Context(), &tally, against, &read, window)
				if failed != nil && !errors.Is(failed, errSkipped) {
					return failed
				}
				found := append(tally.Unreached(), tally.Exceptions()...)
				p.tellProblems(found)
				warnings = append(warnings, found...)
			}
			if err := p.printCheck(args[0], rules, &tally, len(warnings)); err != nil {
				return err
			}
			if strict && len(warnings) > 0 {
				return usagef("policy %q: %s, and --strict was given", args[0], text.Count(len(warnings), "warning"))
			}
			return failed
		},
	}
	read.registerAll(cmd.Flags())
	cmd.Flags().StringArrayVar(&against, "against", nil, "also read this `source`, and warn of globs that match nobody in it; repeatable")
	cmd.Flags().BoolVar(&strict, "strict", false, "count warnings as errors")
	return cmd
}

// printCheck says on standard output, in one or two lines, that the policy can be used.
func (p *process) printCheck(file string, rules *policy.Policy, tally *policy.Tally, warnings int) error {
	lines := []string{fmt.Sprintf("%s: %s: no error, %s", file, rules, text.Count(warnings, "warning"))}
	if tally.SignIns > 0 {
		lines = append(lines, tally.String())
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(p.stdout, report.Clean(l)); err != nil {
			return err
		}
	}
	return nil
}

// readPolicy reads a policy file. It names the mistakes in the file on standard error.
// The error is then a usage error that only counts them.
func (p *process) readPolicy(file string, table region.Table) (*policy.Policy, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{err}
	}
	rules, err := policy.Parse(file, b, table)
	var problems policy.Problems
	if errors.As(err, &problems) {
		p.tellProblems(problems)
		return nil, hinted{usagef("policy %q cannot be used: %s", file, text.Count(len(problems), "error")),
			"trailgate policy schema prints a JSON Schema, so that editors can check a policy while you write it"}
	}
	return rules, err
}

// tallySources reads the sources and counts how the policy of the tally decides their
// sign-ins. The error is errSkipped if a part of them could not be read.
func (p *process) tallySources(ctx context.Context, tally *policy.Tally, args []string, read *readFlags, w ingest.Window) error {
	return p.readHistory(ctx, args, read, w, func(m *ingest.Merger) {
		classify := analyzer.Classifier{Table: read.table}
		for e := range m.Events() {
			tally.Add(&e, tally.Policy.Decide(&e, classify.Classify(e)))
		}
	})
}

// readHistory reads the sources and hands the sign-ins to the function use. It does not
// call the function if the run failed or was interrupted, because the sign-ins would
// then be incomplete. If something was skipped, it names that after the call, and
// returns errSkipped.
func (p *process) readHistory(ctx context.Context, args []string, read *readFlags, w ingest.Window, use func(*ingest.Merger)) error {
	bar := p.newProgress(&read.messageFlags)
	sources, err := p.sources(ctx, args, read, bar.show)
	if err != nil {
		return err
	}
	m, err := ingest.Merge(ctx, w, sources...)
	bar.done()
	if err != nil {
		return err
	}
	use(m)
	p.tellSkips(&m.Coverage, &read.messageFlags)
	if !m.Coverage.Complete() {
		return errSkipped
	}
	return nil
}

func newPolicyLearn(p *process) *cobra.Command {
	read := defaultReadFlags()
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "learn SOURCE...",
		Short: "Draft a policy from past sign-ins",
		Long: `Learn reads the sources and drafts a policy. People with the same habits share one
rule. A comment at the rule gives the evidence: the number of people, the number of
sign-ins, and the time between the first and the last.

The draft leaves out sign-ins that failed, and sign-ins too rare to be a habit. A
comment lists them. If you audit the same history with the draft, it flags these
sign-ins and nothing else.`,
		Example: `  trailgate policy learn s3://my-trail-bucket --since 90d -o policy.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			window, err := read.window(p.now())
			if err != nil {
				return err
			}
			return p.learnPolicy(cmd.Context(), args, &read, &out, window)
		},
	}
	read.registerAll(cmd.Flags())
	cmd.Flags().StringVarP(&out.out, "output", "o", "", "write to this `file`, whole or not at all; - is standard output")
	return cmd
}

// learnPolicy drafts a policy from the sources and writes it to the file of -o or to
// standard output. It still writes the draft if something was skipped, and then returns
// errSkipped.
func (p *process) learnPolicy(ctx context.Context, args []string, read *readFlags, out *outputFlags, w ingest.Window) error {
	learner := learn.Learner{Table: read.table}
	failed := p.readHistory(ctx, args, read, w, func(m *ingest.Merger) {
		classify := analyzer.Classifier{Table: read.table}
		for e := range m.Events() {
			learner.Add(&e, classify.Classify(e))
		}
	})
	if failed != nil && !errors.Is(failed, errSkipped) {
		return failed
	}
	draft, err := learner.Draft()
	if err != nil {
		return fmt.Errorf("draft policy: %w", err)
	}
	err = out.write(p, false, func(to io.Writer) error {
		_, err := to.Write(draft.YAML)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the draft: %w", err)
	}
	if !read.quiet {
		p.complain(fmt.Sprintf("drafted %s from %s; left out: %s", text.Count(draft.Rules, "rule"), &draft.Tally, text.Count(len(draft.LeftOut), "habit")))
	}
	return failed
}

func newPolicySchema(p *process) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of policy files for editors",
		Long: `Schema prints a JSON Schema of policy files. Editors with YAML support use it to
complete and check a policy while you write it. Many look for this first line:

  # yaml-language-server: $schema=policy.schema.json`,
		Example: `  trailgate policy schema > policy.schema.json`,
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			b, err := policy.Schema()
			if err != nil {
				return fmt.Errorf("make schema: %w", err)
			}
			_, err = p.stdout.Write(b)
			return err
		},
	}
}
