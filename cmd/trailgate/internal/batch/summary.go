package batch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"trailgate/ingest"
)

// ManifestVersion is the version of the form of a Summary in manifests.
const ManifestVersion = 1

// The values of Summary.Status. They are in manifests and logs, so they do not change.
const (
	StatusComplete    = "complete"
	StatusSkipped     = "skipped"     // done, but something was skipped or the backlog is not empty
	StatusFindings    = "findings"    // done, with findings at or above Options.FailOn; something may have been skipped as well
	StatusFailed      = "failed"      // an error; nothing was committed, unless Summary.CommitUnknown is set
	StatusInterrupted = "interrupted" // the context ended; nothing was committed, unless Summary.CommitUnknown is set
)

// Summary says what one run did. The line at the end of the log, the manifest and the
// metrics are made from it alone, so that they agree.
type Summary struct {
	Manifest   int           `json:"manifest"`  // version of this form: 1
	Trailgate  string        `json:"trailgate"` // version of the command
	Run        string        `json:"run"`
	Generation int64         `json:"generation"` // the committed one, or else the newest; 0 before the first, or if the state was not read
	Committed  bool          `json:"committed"`
	Status     string        `json:"status"` // complete, skipped, findings, failed, interrupted
	Error      string        `json:"error,omitempty"`
	Started    time.Time     `json:"started"`
	Seconds    float64       `json:"seconds"`
	Since      time.Time     `json:"since"`   // the lake holds sign-ins from this time on
	Settled    time.Time     `json:"settled"` // sign-ins up to this time are not judged again
	Sources    []string      `json:"sources"`
	Lake       string        `json:"lake"`
	State      string        `json:"state"`
	Objects    ObjectCounts  `json:"objects"`
	Records    RecordCounts  `json:"records"`
	SignIns    SignInCounts  `json:"sign_ins"`
	Findings   FindingCounts `json:"findings"`
	Owed       []OwedObject  `json:"owed"`     // the whole backlog after the run
	Files      []AddedFile   `json:"files"`    // the files that were added
	Replaced   []string      `json:"replaced"` // keys of files that the run removed, after it had added the rows that stay
	Remarks    []string      `json:"remarks"`

	CommitUnknown bool `json:"-"` // the store did not answer a write, such as the commit, which may still be done
}

// ObjectCounts counts objects: listed = read + skipped + excluded.
type ObjectCounts struct {
	Listed     int            `json:"listed"`
	Read       int            `json:"read"`
	Skipped    int            `json:"skipped"`
	Excluded   int            `json:"excluded"`
	SkippedBy  map[string]int `json:"skipped_by"`  // by cause
	ExcludedBy map[string]int `json:"excluded_by"` // by reason
	Packed     int64          `json:"packed"`      // bytes as stored
	Inflated   int64          `json:"inflated"`    // bytes of JSON
}

// RecordCounts counts sign-in records: seen = sign_ins + duplicates + outside +
// filtered. Records that could not be read are not seen: they are in skipped.
type RecordCounts struct {
	Seen       int `json:"seen"`
	SignIns    int `json:"sign_ins"`   // the sign-ins in the result, each once
	Duplicates int `json:"duplicates"` // further copies of these
	Outside    int `json:"outside"`    // outside the window of time
	Filtered   int `json:"filtered"`   // of other accounts or Regions
	Skipped    int `json:"skipped"`
}

// SignInCounts divides the sign-ins of the run: records.sign_ins = new + known.
type SignInCounts struct {
	New   int `json:"new"`
	Known int `json:"known"` // they were in the lake already
	Late  int `json:"late"`  // new ones that are not after the settled time
}

// FindingCounts counts how the run changed the table of findings.
type FindingCounts struct {
	New        int            `json:"new"`         // findings that were not in the table
	Changed    int            `json:"changed"`     // findings whose row was replaced
	Withdrawn  int            `json:"withdrawn"`   // rows that were removed, because this run did not make them again
	Standing   int            `json:"standing"`    // all findings that the run made, with the new and changed ones
	BySeverity map[string]int `json:"by_severity"` // the new and changed ones
}

// OwedObject is one object of the backlog: it could not be read, and each run tries it
// again.
type OwedObject struct {
	Key    string    `json:"key"`
	Source string    `json:"source"`
	Cause  string    `json:"cause"`  // why it could not be read, by kind
	Reason string    `json:"reason"` // the same in words
	Since  time.Time `json:"since"`  // when the first run that could not read it began
	Tries  int       `json:"tries"`  // runs that could not read it

	Origin string `json:"-"` // the name of the object in skips; only if this run could not read it
}

// AddedFile is one file that the run added to the lake.
type AddedFile struct {
	Table string `json:"table"`
	Key   string `json:"key"`
	Rows  int    `json:"rows"`
	Bytes int64  `json:"bytes"`
}

// Check gives a sentence for each rule about the fields that is not satisfied, such as
// an equation between numbers. The result is empty for a correct Summary. A run that
// ended before its commit may have stored nothing. It may also not have divided its
// sign-ins into new and known ones.
func (a *Summary) Check() []string {
	var c checks
	c.checkNumbers(a)
	c.checkCounts(a)
	c.checkStatus(a)
	c.checkLists(a)
	return c.wrong
}

// Ended reports whether the run reached its end, with or without something skipped.
func (a *Summary) Ended() bool {
	return a.Status == StatusComplete || a.Status == StatusSkipped || a.Status == StatusFindings
}

// KnowsState reports whether the run reached its end or has read a committed generation
// of the state. It is false for a run that failed while nothing was committed yet.
func (a *Summary) KnowsState() bool { return a.Ended() || a.Generation > 0 }

// checks collects a sentence for each rule that is not satisfied.
type checks struct{ wrong []string }

// want adds the sentence unless ok is true. The sentence says what should be so.
func (c *checks) want(ok bool, format string, args ...any) {
	if !ok {
		c.wrong = append(c.wrong, "does not add up: "+fmt.Sprintf(format, args...))
	}
}

// checkNumbers checks that no number is negative, and that the seconds are finite.
func (c *checks) checkNumbers(a *Summary) {
	for _, f := range a.Figures() {
		c.want(f.Value >= 0, "%s is %d", f.Name, f.Value)
	}
	c.want(a.Seconds >= 0 && !math.IsInf(a.Seconds, 0), "seconds is %g", a.Seconds)
	for _, by := range [...]struct {
		name   string
		counts map[string]int
	}{{"objects_skipped_by", a.Objects.SkippedBy}, {"objects_excluded_by", a.Objects.ExcludedBy}, {"findings_by_severity", a.Findings.BySeverity}} {
		for _, key := range slices.Sorted(maps.Keys(by.counts)) {
			c.want(by.counts[key] >= 0, "%s %q is %d", by.name, key, by.counts[key])
		}
	}
}

// checkCounts checks the equations between counts, and that nothing is counted as
// stored if nothing was committed.
func (c *checks) checkCounts(a *Summary) {
	o, r, s, f := &a.Objects, &a.Records, &a.SignIns, &a.Findings
	c.want(o.Listed == o.Read+o.Skipped+o.Excluded, "objects listed (%d) = read (%d) + skipped (%d) + excluded (%d)", o.Listed, o.Read, o.Skipped, o.Excluded)
	c.want(o.Skipped == ingest.Total(o.SkippedBy), "objects skipped (%d) = their causes (%d)", o.Skipped, ingest.Total(o.SkippedBy))
	c.want(o.Excluded == ingest.Total(o.ExcludedBy), "objects excluded (%d) = their reasons (%d)", o.Excluded, ingest.Total(o.ExcludedBy))
	c.want(r.Seen == r.SignIns+r.Duplicates+r.Outside+r.Filtered, "records seen (%d) = sign-ins (%d) + duplicates (%d) + outside (%d) + filtered (%d)",
		r.Seen, r.SignIns, r.Duplicates, r.Outside, r.Filtered)
	c.want(s.Late <= s.New, "late sign-ins (%d) are new ones (%d)", s.Late, s.New)
	c.want(f.New+f.Changed == ingest.Total(f.BySeverity), "new (%d) + changed (%d) findings = their severities (%d)", f.New, f.Changed, ingest.Total(f.BySeverity))
	c.want(f.New+f.Changed <= f.Standing, "new (%d) + changed (%d) findings stand (%d)", f.New, f.Changed, f.Standing)
	rows := 0
	for _, file := range a.Files {
		if file.Table == "signins" {
			rows += file.Rows
		}
	}
	switch {
	case a.Committed || a.Ended():
		c.want(r.SignIns == s.New+s.Known, "sign-ins (%d) = new (%d) + known (%d)", r.SignIns, s.New, s.Known)
		c.want(rows == s.New, "rows in added files of signins (%d) = new sign-ins (%d)", rows, s.New)
	default:
		c.want(s.New+s.Known <= r.SignIns, "new (%d) + known (%d) are of the sign-ins (%d)", s.New, s.Known, r.SignIns)
	}
	if a.Committed {
		return
	}
	c.want(len(a.Files) == 0 && len(a.Replaced) == 0, "nothing was committed, so that no file (%d) was added and none (%d) replaced", len(a.Files), len(a.Replaced))
	if a.Ended() {
		n := s.New + f.New + f.Changed + f.Withdrawn
		c.want(n == 0, "nothing was committed, so that no sign-in (%d) is new and no finding (%d) another", s.New, n-s.New)
	}
}

// checkStatus checks that the status agrees with the rest. It also checks the version
// of the form and the name of the run.
func (c *checks) checkStatus(a *Summary) {
	passed := a.Objects.Skipped + a.Records.Skipped + len(a.Owed)
	switch a.Status {
	case StatusComplete:
		c.want(passed == 0, "status complete, and nothing skipped or owed (%d)", passed)
	case StatusSkipped:
		c.want(passed > 0, "status skipped, and something skipped or owed (%d)", passed)
	case StatusFindings:
		c.want(a.Findings.Standing > 0, "status findings, and findings that stand (%d)", a.Findings.Standing)
	case StatusFailed:
		c.want(a.Error != "", "status failed, and an error")
	case StatusInterrupted:
	default:
		c.want(false, "status %q is unknown", a.Status)
	}
	c.want(!a.Ended() || a.Error == "", "status %s, and no error (%q)", a.Status, a.Error)
	c.want(a.Manifest == ManifestVersion, "manifest is version %d (%d)", ManifestVersion, a.Manifest)
	c.want(!a.Committed || a.Generation > 0, "what is committed has a generation (%d)", a.Generation)
	unborn := a.Run == "" && !a.Committed && !a.Ended() // it ended before it had a name
	c.want(unborn || len(a.Run) == 12 && strings.Trim(a.Run, "0123456789abcdef") == "", "run %q has 12 hexadecimal digits", a.Run)
}

// checkLists checks that no name is there twice, and that each entry is complete.
func (c *checks) checkLists(a *Summary) {
	seen := map[[3]string]bool{}
	once := func(kind, source, key string) {
		id := [...]string{kind, source, key}
		c.want(key != "" && !seen[id], "%s %q is named once", kind, key)
		seen[id] = true
	}
	for _, o := range a.Owed {
		once("owed", o.Source, o.Key)
		c.want(o.Tries > 0 && o.Cause != "" && !o.Since.IsZero(), "owed %q has tries (%d), a cause (%q) and a beginning", o.Key, o.Tries, o.Cause)
	}
	for _, f := range a.Files {
		once("file", "", f.Key)
		c.want(strings.HasPrefix(f.Key, f.Table+"/") && (f.Table == "signins" || f.Table == "findings"), "file %q is of table %q", f.Key, f.Table)
		c.want(f.Rows > 0 && f.Bytes > 0, "file %q has rows (%d) and bytes (%d)", f.Key, f.Rows, f.Bytes)
	}
	for _, key := range a.Replaced {
		once("file", "", key) // a replaced file cannot be one of the added files
	}
}

// Figure is one number of a Summary under its name in logs.
type Figure struct {
	Name  string
	Value int64
}

// Figures gives the numbers of a Summary in the order of its fields. The last two are
// the rows and bytes of all added files.
func (a *Summary) Figures() []Figure {
	o, r, s, f := &a.Objects, &a.Records, &a.SignIns, &a.Findings
	rows, bytes := 0, int64(0)
	for _, file := range a.Files {
		rows, bytes = rows+file.Rows, bytes+file.Bytes
	}
	return []Figure{
		{"objects_listed", int64(o.Listed)}, {"objects_read", int64(o.Read)},
		{"objects_skipped", int64(o.Skipped)}, {"objects_excluded", int64(o.Excluded)},
		{"packed", o.Packed}, {"inflated", o.Inflated},
		{"records_seen", int64(r.Seen)}, {"records_sign_ins", int64(r.SignIns)},
		{"records_duplicates", int64(r.Duplicates)}, {"records_outside", int64(r.Outside)},
		{"records_filtered", int64(r.Filtered)}, {"records_skipped", int64(r.Skipped)},
		{"sign_ins_new", int64(s.New)}, {"sign_ins_known", int64(s.Known)}, {"sign_ins_late", int64(s.Late)},
		{"findings_new", int64(f.New)}, {"findings_changed", int64(f.Changed)},
		{"findings_withdrawn", int64(f.Withdrawn)}, {"findings_standing", int64(f.Standing)},
		{"owed", int64(len(a.Owed))},
		{"files_added", int64(len(a.Files))}, {"files_replaced", int64(len(a.Replaced))},
		{"rows", int64(rows)}, {"bytes", bytes},
	}
}

// Line describes the run in one line, for people and for grep.
func (a *Summary) Line() string {
	var b strings.Builder
	o, r, s, f := &a.Objects, &a.Records, &a.SignIns, &a.Findings
	fmt.Fprintf(&b, "run %s %s", a.Run, a.Status)
	if a.Committed {
		fmt.Fprintf(&b, ", generation %d committed", a.Generation)
	} else {
		fmt.Fprintf(&b, ", nothing committed, generation %d stands", a.Generation)
	}
	fmt.Fprintf(&b, ": objects: %d listed, %d read, %d skipped, %d excluded; sign-ins: %d new, %d known, %d late, %d duplicate, %d outside, %d filtered, %d skipped",
		o.Listed, o.Read, o.Skipped, o.Excluded, s.New, s.Known, s.Late, r.Duplicates, r.Outside, r.Filtered, r.Skipped)
	fmt.Fprintf(&b, "; findings: %d new, %d changed, %d withdrawn, %d standing", f.New, f.Changed, f.Withdrawn, f.Standing)
	fmt.Fprintf(&b, "; owed: %d; files: %d added, %d replaced; %.1f seconds", len(a.Owed), len(a.Files), len(a.Replaced), a.Seconds)
	return b.String()
}

// Encode gives the Summary as JSON, the manifest of the run. The remarks in it also
// have what Check finds. An empty list is written as [], and the Summary itself does
// not change.
func (a *Summary) Encode() ([]byte, error) {
	whole := *a
	whole.Sources = append([]string{}, a.Sources...)
	whole.Owed = append([]OwedObject{}, a.Owed...)
	whole.Files = append([]AddedFile{}, a.Files...)
	whole.Replaced = append([]string{}, a.Replaced...)
	whole.Remarks = append(append([]string{}, a.Remarks...), a.Check()...)
	b, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest of run %q: %w", a.Run, err)
	}
	return append(b, '\n'), nil
}
