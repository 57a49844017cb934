package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"trailgate/cmd/trailgate/internal/runlog"
	"trailgate/report"
)

// version is the version of the command. It is in outputs and in files.
const version = "0.1.0"

// process is what the command uses of its process, so that tests can replace it.
type process struct {
	args   []string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	outTTY bool // stdout is a terminal
	errTTY bool // stderr is a terminal, and may show a progress bar
	width  int  // of the terminal; 0: unknown
	getenv func(string) string
	now    func() time.Time
	log    *runlog.Log // of a verb that has --log-format; nil: plain lines

	formats []report.Format // for tests; nil means those of package report

	// step is called before each step that writes to a lake or a state on disk (see
	// lake.Disk). Its error becomes the error of the step. It is for tests and may be nil.
	step func(op, key string) error
}

// run runs one command line and returns the exit status: 0 complete, 1 failed, 2 usage
// error, 3 something was skipped, 4 findings at or above --fail-on, 130 interrupted.
func run(ctx context.Context, p process) int {
	root := newRoot(&p)
	root.SetArgs(p.args)
	err := root.ExecuteContext(ctx)
	return p.conclude(ctx, err)
}

func newRoot(p *process) *cobra.Command {
	root := &cobra.Command{
		Use:   "trailgate",
		Short: "Find AWS console sign-ins in CloudTrail and say through which endpoint each one came",
		Long: `Trailgate reads AWS CloudTrail and finds the console sign-ins (ConsoleLogin). It says
through which sign-in endpoint each one came: the global one, or that of a Region. It
also names what it could not read.

  trailgate audit s3://my-trail-bucket           a trail bucket
  trailgate audit ./copy-of-the-bucket           the same on disk
  zcat *.json.gz | trailgate audit -             any CloudTrail JSON
  trailgate export s3://my-trail-bucket --to lake    what is new, as Parquet
  trailgate explain https://example.signin.aws.amazon.com/console

Exit status: 0 complete; 1 failed, without a usable result; 2 usage error; 3 done,
but something was skipped; 4 findings at or above --fail-on; 130 interrupted.`,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usagef("unknown verb %q", args[0])
		},
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newAudit(p), newExport(p), newCompact(p), newState(p), newCoverage(p), newExplain(p), newGenerate(p), newPolicy(p), newSchema(p), newVersion(p))
	setHelp(root, p)
	setVersion(root)
	return root
}

// noArgs refuses arguments with a usage error, as cobra.NoArgs does with another error.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneArg requires exactly one argument. The text says what it is.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one argument, %s, got %d", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}
