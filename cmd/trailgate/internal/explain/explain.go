// Package explain says in words what a sign-in URL, a host or a record tells of the
// endpoint. It takes classified hosts, or documents of CloudTrail JSON. It gives
// explanations, and writes them as text or JSON. It does not open files.
package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
	"trailgate/report"
)

// Explanation is what one host, URL or record tells. Its fields are those of the JSON.
type Explanation struct {
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

// URL explains a sign-in URL or a host. arg is what the user wrote, and u is what
// endpoint.ParseURL made of it.
func URL(arg string, u endpoint.URL) Explanation {
	kind := "url"
	if !strings.Contains(arg, "/") {
		kind = "host"
	}
	x := Explanation{
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
	return x
}

// ErrNoSignIn says that a document does not hold a console sign-in.
var ErrNoSignIn = errors.New("it does not hold a console sign-in")

// Records explains every sign-in in a document of CloudTrail JSON, in its order. The
// origin names the document in errors. If a part cannot be read, the first such error
// comes with the explanations of the rest. If the document can be read and does not
// hold a sign-in, the error wraps ErrNoSignIn. If the context ends, the error is its
// cause, without explanations. The detector may be nil. If it is not, the reasons also
// say what is expected of the person.
func Records(ctx context.Context, r io.Reader, origin string, table region.Table, detector *detect.Detector) ([]Explanation, error) {
	classify := analyzer.Classifier{Table: table}
	var out []Explanation
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
		out = append(out, explainEvent(e, classify, detector))
	}
	if len(out) == 0 && failed == nil {
		return nil, fmt.Errorf("read %q: %w", origin, ErrNoSignIn)
	}
	return out, failed
}

// explainEvent explains the verdict on one sign-in.
func explainEvent(e signin.Event, c analyzer.Classifier, detector *detect.Detector) Explanation {
	v := c.Classify(e)
	x := Explanation{
		Kind: "record", Subject: e.ID, Scope: v.Scope.String(), Endpoint: nilIfEmpty(v.Endpoint), Basis: v.Basis.String(),
		Confidence: v.Confidence.String(), Partition: v.Partition, Principal: e.Principal(), Reasons: c.Explain(e, v),
	}
	if detector != nil {
		x.Reasons = append(x.Reasons, detector.Explain(&e, v)...)
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

// nilIfEmpty gives a pointer to a text, or nil for an empty one, so that it is null in
// JSON.
func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Write writes explanation number n, counted from 0. The format json is one JSON
// document on a line. Any other format is words, with an empty line between two
// explanations.
func (x Explanation) Write(w io.Writer, n int, format string) error {
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
