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
	"trailgate/ingest/aws/region"
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
			judge, err := expect.judge(p, read.table)
			if err != nil {
				return err
			}
			all, failed := p.explainArgument(cmd.Context(), args[0], read.table, judge)
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
	cmd.Flags().StringVar(&read.regionsFile, "regions-file", "", "`file` with Regions that the built-in table lacks, each line PARTITION REGION")
	return cmd
}

// explanation is one answer of the verb, with the fields of its JSON.
type explanation struct {
	Kind       string   `json:"kind"` // url, host or record
	Subject    string   `json:"subject"`
	Scope      string   `json:"scope"`
	Endpoint   *string  `json:"endpoint"`
	Basis      string   `json:"basis"`
	Confidence string   `json:"confidence"`
	Notes      []string `json:"notes"`
	Partition  string   `json:"partition,omitempty"`
	RecordedIn []string `json:"recorded_in"` // Regions in which CloudTrail may write the record
	Historical bool     `json:"historical"`
	Principal  string   `json:"principal,omitempty"`
	EventTime  string   `json:"event_time,omitempty"`
	Reasons    []string `json:"reasons"`
}

// explainArgument finds out what the argument is, and explains it. A document may
// give several explanations. If a part of it cannot be read, the error comes with the
// explanations of the rest. The detector may be nil.
func (p *process) explainArgument(ctx context.Context, arg string, table region.Table, judge *detect.Detector) ([]explanation, error) {
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
		return nil, err // a host does not end like this, so a file was meant
	}
	if !strings.ContainsAny(arg, "./:") && strings.TrimSpace(arg) != "" {
		return nil, hinted{usagef("%q is %s", arg, describeWord(arg, table)), hint}
	}
	u, err := endpoint.ParseURL(table, arg)
	if err != nil {
		return nil, hinted{usageError{err}, hint}
	}
	kind := "url"
	if !strings.Contains(arg, "/") {
		kind = "host"
	}
	x := explanation{
		Kind: kind, Subject: arg, Scope: u.Scope.String(), Endpoint: nilIfEmpty(u.Endpoint), Basis: analyzer.BasisNone.String(),
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
func explainFile(ctx context.Context, path string, table region.Table, judge *detect.Detector) ([]explanation, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	all, err := explainRecords(ctx, h, path, table, judge)
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

// explainRecords explains every sign-in in a document. The error is the first one met
// in reading it. If there is a detector, it adds what is expected of the person.
func explainRecords(ctx context.Context, r io.Reader, origin string, table region.Table, judge *detect.Detector) ([]explanation, error) {
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
		return nil, hinted{fmt.Errorf("read %q: it does not hold a console sign-in", origin),
			"a sign-in is a record with eventSource signin.amazonaws.com and eventName ConsoleLogin"}
	}
	return out, failed
}

// explainEvent explains the verdict on one sign-in.
func explainEvent(e signin.Event, c analyzer.Classifier, judge *detect.Detector) explanation {
	v := c.Classify(e)
	x := explanation{
		Kind: "record", Subject: e.ID, Scope: v.Scope.String(), Endpoint: nilIfEmpty(v.Endpoint), Basis: v.Basis.String(),
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

// nilIfEmpty makes an empty text null in JSON.
func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// write writes explanation number n, counted from 0. The format json is one JSON
// document on a line. Any other format is words, with an empty line between two
// explanations.
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
		lines = []string{verdict + joinAfter("  ", []string{x.EventTime}) + "  " + x.Principal}
	}
	lines = append(lines, fmt.Sprintf("  basis %s, confidence %s%s", x.Basis, x.Confidence, joinAfter("; notes: ", x.Notes)))
	if x.Kind != "record" {
		lines = append(lines, "  recorded in: "+cmp.Or(strings.Join(x.RecordedIn, ", "), "unknown"))
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

// joinAfter joins the words and puts the lead before them. It is empty if all words
// are empty.
func joinAfter(lead string, words []string) string {
	if text := strings.Join(words, ", "); text != "" {
		return lead + text
	}
	return ""
}
