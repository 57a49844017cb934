package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
	"trailgate/report"
)

func newExplain(p *process) *cobra.Command {
	read := defaultReadFlags()
	var out outputFlags
	var expect judgeFlags
	cmd := &cobra.Command{
		Use:   "explain X",
		Short: "Say in words what a sign-in URL, a host, or a record tells of the endpoint, and why",
		Long: `Explain takes a sign-in URL or a host and says through which endpoint people who
open it will come, and in which Region CloudTrail will record them. Or it takes a
record, as text, as a file, or on standard input (-), in any carrier shape, and
says what the verdict on it is and why. With --policy or --baseline it also says
what is expected of the person, and which rule decided.`,
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
			judge, err := expect.judge(p, read.table)
			if err != nil {
				return err
			}
			all, failed := p.explain(cmd.Context(), args[0], read.table, judge)
			if len(all) == 0 {
				return failed
			}
			err = out.write(p, false, func(w io.Writer) error {
				for i, e := range all {
					if err := e.write(w, i, out.format); err != nil {
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
	out.register(cmd.Flags(), tableAndJSON())
	expect.registerExpectations(cmd.Flags())
	cmd.Flags().StringVar(&read.regionsFile, "regions-file", "", "`file` with Regions that the built-in table lacks: PARTITION REGION a line")
	return cmd
}

// explanation is a verdict in words, as the JSON has it.
type explanation struct {
	Kind       string   `json:"kind"` // url, host or record
	Subject    string   `json:"subject"`
	Scope      string   `json:"scope"`
	Endpoint   *string  `json:"endpoint"`
	Basis      string   `json:"basis"`
	Confidence string   `json:"confidence"`
	Notes      []string `json:"notes"`
	Partition  string   `json:"partition,omitempty"`
	RecordedIn []string `json:"recorded_in"` // Regions where CloudTrail may file the record
	Historical bool     `json:"historical"`
	Principal  string   `json:"principal,omitempty"`
	EventTime  string   `json:"event_time,omitempty"`
	Reasons    []string `json:"reasons"`
}

// explain explains what the argument is.
func (p *process) explain(ctx context.Context, arg string, table endpoint.Table, judge *detect.Detector) ([]explanation, error) {
	switch {
	case arg == "-":
		return explainRecords(ctx, p.stdin, "standard input", table, judge)
	case strings.HasPrefix(strings.TrimSpace(arg), "{"):
		return explainRecords(ctx, strings.NewReader(arg), "the argument", table, judge)
	}
	const hint = "give a sign-in URL, a host such as eu-west-1.signin.aws.amazon.com, or a file with a CloudTrail record, or - and the record on standard input"
	switch info, err := os.Stat(arg); {
	case err == nil && info.IsDir():
		return nil, hinted{usagef("%q is a folder", arg), hint}
	case err == nil:
		return explainFile(ctx, arg, table, judge)
	case !strings.Contains(arg, "://") && slices.Contains([]string{".json", ".jsonl", ".ndjson", ".gz"}, filepath.Ext(arg)):
		return nil, err // no host ends so
	}
	if !strings.ContainsAny(arg, "./:") && strings.TrimSpace(arg) != "" {
		return nil, hinted{usagef("%q is %s", arg, wordFor(arg, table)), hint}
	}
	u, err := table.ParseURL(arg)
	if err != nil {
		return nil, hinted{usageError{err}, hint}
	}
	kind := "url"
	if !strings.Contains(arg, "/") {
		kind = "host"
	}
	x := explanation{
		Kind: kind, Subject: arg, Scope: u.Scope.String(), Endpoint: optional(u.Endpoint), Basis: analyzer.BasisNone.String(),
		Confidence: u.Confidence.String(), Partition: u.Partition, RecordedIn: u.RecordedIn, Historical: u.Historical, Reasons: u.Reasons,
	}
	if u.Scope != endpoint.ScopeUnknown {
		x.Basis = analyzer.BasisHost.String()
	}
	switch u.Host.Class {
	case endpoint.Account:
		x.Notes = []string{string(analyzer.AccountHost)}
	case endpoint.Foreign:
		x.Notes = []string{string(analyzer.ForeignHost)}
	}
	return []explanation{x}, nil
}

// explainFile explains the records in a file.
func explainFile(ctx context.Context, path string, table endpoint.Table, judge *detect.Detector) ([]explanation, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	all, err := explainRecords(ctx, h, path, table, judge)
	return all, errors.Join(err, h.Close())
}

// wordFor says what a word is that is no URL and no host.
func wordFor(arg string, table endpoint.Table) string {
	switch {
	case table.Known(arg):
		return "a Region, not a host"
	case strings.EqualFold(strings.TrimSpace(arg), endpoint.GlobalName):
		return "a word of the endpoint column, not a host"
	}
	return "no URL, no host, and no file that exists"
}

// explainRecords explains every sign-in in a document, and what the judge, if
// there is one, makes of it.
func explainRecords(ctx context.Context, r io.Reader, origin string, table endpoint.Table, judge *detect.Detector) ([]explanation, error) {
	classify := analyzer.Classifier{Table: table}
	var out []explanation
	var failed error
	var scanner record.Scanner
	for e, err := range scanner.ScanReader(r, origin, 0) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil && e.Carrier == signin.CarrierUnknown {
			failed = cmp.Or(failed, fmt.Errorf("read %q: %w", origin, err))
			continue
		}
		out = append(out, explainEvent(e, classify, judge))
	}
	if len(out) == 0 && failed == nil {
		return nil, hinted{fmt.Errorf("read %q: no console sign-in in it", origin),
			"a sign-in is a record with eventSource signin.amazonaws.com and eventName ConsoleLogin"}
	}
	return out, failed
}

func explainEvent(e signin.Event, c analyzer.Classifier, judge *detect.Detector) explanation {
	v := c.Classify(e)
	x := explanation{
		Kind: "record", Subject: e.ID, Scope: v.Scope.String(), Endpoint: optional(v.Endpoint), Basis: v.Basis.String(),
		Confidence: v.Confidence.String(), Partition: v.Partition, Principal: e.Principal(), Reasons: c.Explain(e, v),
	}
	if judge != nil {
		x.Reasons = append(x.Reasons, judge.Explain(&e, v)...)
	}
	if !e.Time.IsZero() {
		x.EventTime = e.Time.Format(time.RFC3339)
	}
	for _, n := range v.Notes {
		x.Notes = append(x.Notes, string(n))
	}
	if e.Region != "" {
		x.RecordedIn = []string{e.Region}
	}
	return x
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// write writes the nth explanation: words, or a JSON document a line.
func (x explanation) write(w io.Writer, n int, format string) error {
	if format == report.JSON {
		x.Notes, x.RecordedIn = append([]string{}, x.Notes...), append([]string{}, x.RecordedIn...)
		return report.WriteValue(w, x)
	}
	if n > 0 {
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	verdict := x.Scope
	if x.Endpoint != nil && *x.Endpoint != x.Scope {
		verdict += ", " + *x.Endpoint
	}
	lines := []string{verdict}
	if x.Kind == "record" {
		lines = []string{verdict + tail("  ", []string{x.EventTime}) + "  " + x.Principal}
	}
	lines = append(lines, fmt.Sprintf("  basis %s, confidence %s%s", x.Basis, x.Confidence, tail("; notes: ", x.Notes)))
	if x.Kind != "record" {
		lines = append(lines, "  recorded in: "+orElse(strings.Join(x.RecordedIn, ", "), "cannot be told"))
	}
	for _, r := range x.Reasons {
		lines = append(lines, "  - "+r)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, report.Clean(l)); err != nil {
			return err
		}
	}
	return nil
}

// tail is words behind a lead, or nothing where there are none.
func tail(lead string, words []string) string {
	if text := strings.Join(words, ", "); text != "" {
		return lead + text
	}
	return ""
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
