package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"trailgate/analyzer/rule"
	"trailgate/cmd/trailgate/internal/atomicfile"
	"trailgate/cmd/trailgate/internal/batch"
)

// metricPrefix begins the name of every metric of export.
const metricPrefix = "trailgate_export_"

// lastSuccess is the name of the one metric that a failed run takes over from the old
// file.
const lastSuccess = metricPrefix + "last_success_timestamp_seconds"

// maxMetricsFile is the most that is read of the file of an earlier run, in bytes. A file
// that WriteMetrics wrote has a twentieth of it.
const maxMetricsFile = 1 << 18

// WriteMetrics writes the metrics of a run to a file, whole or not at all. The format
// is the Prometheus text format (version 0.0.4), for the textfile collector of node
// exporter. The metrics are gauges about the last run. All have the lake as a label, so
// that the files of several jobs may be in one folder. The time of the last success is
// kept from the old file if this run did not reach its end. It is 0 if no run has
// succeeded yet, so that an alert on its age fires then as well.
func WriteMetrics(path string, a *batch.Summary, exitStatus int, now time.Time) error {
	now = now.UTC()
	success := now
	if !a.Ended() {
		var err error
		if success, err = readLastSuccess(path, a.Lake); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	text := metricsOf(a, exitStatus, now, success)
	err := atomicfile.Replace(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// readLastSuccess reads the time of the last success from the file of an earlier run. It
// is the zero time if the file does not have one. A damaged or foreign file counts as
// empty, because the metrics of this run must be written in any case.
func readLastSuccess(path, lake string) (time.Time, error) {
	h, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	} else if err != nil {
		return time.Time{}, err
	}
	text, err := io.ReadAll(io.LimitReader(h, maxMetricsFile))
	if err := errors.Join(err, h.Close()); err != nil {
		return time.Time{}, err
	}
	return parseLastSuccess(text, lake), nil
}

// parseLastSuccess finds the time of the last success of a lake in the text of a
// metrics file. It is the zero time if the text does not have it, or has a number that
// cannot be right.
func parseLastSuccess(text []byte, lake string) time.Time {
	begin := lastSuccess + labelText("lake", lake) + " "
	for line := range bytes.Lines(text) {
		value, ok := strings.CutPrefix(string(line), begin)
		if !ok || !strings.HasSuffix(value, "\n") {
			continue
		}
		seconds, err := strconv.ParseFloat(strings.TrimSuffix(value, "\n"), 64)
		if err == nil && seconds > 0 && seconds < 1<<33 { // until the year 2242
			return time.UnixMilli(int64(math.Round(seconds * 1e3))).UTC()
		}
	}
	return time.Time{}
}

// exposition writes metrics in the text format. All are gauges.
type exposition struct {
	out  bytes.Buffer
	lake string
}

// sample is one value of a metric, with the value of its label.
type sample struct {
	label string
	value float64
}

// addOne writes a metric with one value.
func (x *exposition) addOne(name, help string, value float64) {
	x.addHead(name, help)
	x.addLine(name, labelText("lake", x.lake), value)
}

// addTime writes a metric that is a time. It writes nothing for the zero time.
func (x *exposition) addTime(name, help string, t time.Time) {
	if !t.IsZero() {
		x.addOne(name, help, unixSeconds(t))
	}
}

// unixSeconds gives a time as metrics have it: in seconds, and 0 for the zero time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}

// addByLabel writes a metric that has a further label beside the lake. Each sample is
// one value of that label, with the value of the metric.
func (x *exposition) addByLabel(name, label, help string, samples ...sample) {
	x.addHead(name, help)
	for _, s := range samples {
		x.addLine(name, labelText("lake", x.lake, label, s.label), s.value)
	}
}

func (x *exposition) addHead(name, help string) {
	fmt.Fprintf(&x.out, "# HELP %s%s %s\n# TYPE %[1]s%[2]s gauge\n", metricPrefix, name, help)
}

func (x *exposition) addLine(name, labels string, value float64) {
	fmt.Fprintf(&x.out, "%s%s%s %s\n", metricPrefix, name, labels, strconv.FormatFloat(value, 'f', -1, 64))
}

// labelText gives the labels of a metric in braces. The arguments are pairs of the name
// and the value of a label. It escapes backslash, quote and line feed in values, as the
// format requires. It replaces bytes that are not UTF-8, which the format does not
// allow.
func labelText(pairs ...string) string {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	for i := 0; i+1 < len(pairs); i += 2 {
		between := ","
		if i == 0 {
			between = "{"
		}
		fmt.Fprintf(&b, `%s%s="%s"`, between, pairs[i], escape.Replace(strings.ToValidUTF8(pairs[i+1], string(utf8.RuneError))))
	}
	return b.String() + "}"
}

// metricsOf gives the metrics of a run. Every value of a label is there after every run,
// so that a rate or an alert does not meet a gap. If the run ended before it had read the
// state, the metrics of the state are left out. A backlog of 0 would then be wrong.
func metricsOf(a *batch.Summary, exitStatus int, now, success time.Time) []byte {
	x := &exposition{lake: a.Lake}
	o, r, s, f := &a.Objects, &a.Records, &a.SignIns, &a.Findings
	n := func(label string, value int) sample { return sample{label, float64(value)} }

	x.addByLabel("build_info", "version", "Version of the trailgate that wrote this file.", n(a.Trailgate, 1))
	x.addTime("last_run_timestamp_seconds", "When the last run ended.", now)
	x.addOne("last_success_timestamp_seconds", "When a run last reached its end, with or without something skipped; 0 if none has.", unixSeconds(success))
	x.addOne("last_run_duration_seconds", "How long the last run took.", a.Seconds)
	x.addOne("last_run_exit_status", "Exit status of the last run: 0 complete, 1 failed, 3 something skipped, 4 findings, 130 interrupted.", float64(exitStatus))
	if a.KnowsState() {
		x.addOne("generation", "Generation of the lake that is committed.", float64(a.Generation))
	}
	x.addTime("settled_timestamp_seconds", "Sign-ins up to this time are not judged again.", a.Settled)

	x.addByLabel("objects", "outcome", "Objects listed by the last run, by what became of them.",
		n("read", o.Read), n("skipped", o.Skipped), n("excluded", o.Excluded))
	x.addByLabel("object_bytes", "form", "Bytes of the objects read by the last run: as stored, and inflated.",
		sample{"packed", float64(o.Packed)}, sample{"inflated", float64(o.Inflated)})
	x.addByLabel("records", "outcome", "Records of sign-ins seen by the last run, by what became of them.",
		n("sign_in", r.SignIns), n("duplicate", r.Duplicates), n("outside", r.Outside), n("filtered", r.Filtered))
	x.addOne("skipped_records", "Records of sign-ins that the last run could not read.", float64(r.Skipped))
	x.addByLabel("sign_ins", "state", "Sign-ins of the last run: new ones, and those that the lake held already.",
		n("new", s.New), n("known", s.Known))
	x.addOne("late_sign_ins", "New sign-ins of the last run that came after history had passed them.", float64(s.Late))

	x.addByLabel("findings", "severity", "Findings that the last run added or changed, by severity.", severitySamples(f.BySeverity)...)
	x.addByLabel("finding_changes", "change", "What the last run did to findings.",
		n("new", f.New), n("changed", f.Changed), n("withdrawn", f.Withdrawn))
	x.addOne("standing_findings", "Findings that the last run made, with the new and changed ones.", float64(f.Standing))

	if a.KnowsState() {
		x.addOne("owed_objects", "Objects that could not be read yet; each run tries them again.", float64(len(a.Owed)))
	}
	x.addTime("owed_oldest_timestamp_seconds", "When the oldest unread object could not be read for the first time; absent if the backlog is empty.", oldestSince(a.Owed))
	rows, added := map[string]int{}, map[string]int{}
	for _, file := range a.Files {
		rows[file.Table] += file.Rows
		added[file.Table]++
	}
	x.addByLabel("added_files", "table", "Files that the last run added to the lake.", n("signins", added["signins"]), n("findings", added["findings"]))
	x.addByLabel("added_rows", "table", "Rows in the files that the last run added.", n("signins", rows["signins"]), n("findings", rows["findings"]))
	x.addOne("replaced_files", "Files of the lake that the last run replaced by others.", float64(len(a.Replaced)))
	return x.out.Bytes()
}

// severitySamples gives a sample for each severity there is, the lowest first.
func severitySamples(by map[string]int) []sample {
	var out []sample
	for _, s := range [...]rule.Severity{rule.Low, rule.Medium, rule.High, rule.Critical} {
		out = append(out, sample{s.String(), float64(by[s.String()])})
	}
	return out
}

// oldestSince is the earliest time at which an object of the backlog could not be read.
// It is the zero time if the backlog is empty.
func oldestSince(owed []batch.OwedObject) time.Time {
	var t time.Time
	for _, o := range owed {
		if t.IsZero() || o.Since.Before(t) {
			t = o.Since
		}
	}
	return t
}
