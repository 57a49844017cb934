package main

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

// accountVersion is the version of the account's form, in manifests.
const accountVersion = 1

// The ways a run of export ends, as the account says them.
const (
	statusComplete    = "complete"
	statusSkipped     = "skipped"     // done, but something was skipped or is owed
	statusFindings    = "findings"    // done, with findings at or above --fail-on; something may have been skipped as well
	statusFailed      = "failed"      // nothing usable
	statusInterrupted = "interrupted" // by a signal
)

// runAccount is what one run of export did. Line, manifest and metrics are made of it and of nothing else.
type runAccount struct {
	Manifest   int            `json:"manifest"`  // version of this form: 1
	Trailgate  string         `json:"trailgate"` // version
	Run        string         `json:"run"`
	Generation int64          `json:"generation"` // the one committed, or that stands where nothing was
	Committed  bool           `json:"committed"`
	Status     string         `json:"status"` // complete, skipped, findings, failed, interrupted
	Error      string         `json:"error,omitempty"`
	Started    time.Time      `json:"started"`
	Seconds    float64        `json:"seconds"`
	Since      time.Time      `json:"since"`   // from when on the lake holds sign-ins
	Settled    time.Time      `json:"settled"` // history is closed up to here
	Sources    []string       `json:"sources"`
	Lake       string         `json:"lake"`
	State      string         `json:"state"`
	Objects    objectAccount  `json:"objects"`
	Records    recordAccount  `json:"records"`
	SignIns    signInAccount  `json:"sign_ins"`
	Findings   findingAccount `json:"findings"`
	Owed       []owedAccount  `json:"owed"`     // all that is owed after the run
	Files      []fileAccount  `json:"files"`    // added
	Replaced   []string       `json:"replaced"` // keys of files whose rows are in the added ones
	Remarks    []string       `json:"remarks"`
}

// objectAccount counts objects: listed = read + skipped + excluded.
type objectAccount struct {
	Listed     int            `json:"listed"`
	Read       int            `json:"read"`
	Skipped    int            `json:"skipped"`
	Excluded   int            `json:"excluded"`
	SkippedBy  map[string]int `json:"skipped_by"`  // by cause
	ExcludedBy map[string]int `json:"excluded_by"` // by reason
	Packed     int64          `json:"packed"`      // bytes as stored
	Inflated   int64          `json:"inflated"`    // bytes of JSON
}

// recordAccount counts sign-in records: seen = sign_ins + duplicates + outside
// + filtered. Those that could not be read are counted apart, as skipped.
type recordAccount struct {
	Seen       int `json:"seen"`
	SignIns    int `json:"sign_ins"`
	Duplicates int `json:"duplicates"`
	Outside    int `json:"outside"`
	Filtered   int `json:"filtered"`
	Skipped    int `json:"skipped"`
}

// signInAccount counts what became of records.sign_ins = new + known.
type signInAccount struct {
	New   int `json:"new"`
	Known int `json:"known"` // the lake already held them
	Late  int `json:"late"`  // of the new ones, those that history had passed
}

// findingAccount counts what judging again has changed in the lake.
type findingAccount struct {
	New        int            `json:"new"`
	Changed    int            `json:"changed"`
	Withdrawn  int            `json:"withdrawn"`
	Standing   int            `json:"standing"`    // all that hold after the run, of those judged in it: new and changed ones included
	BySeverity map[string]int `json:"by_severity"` // of new and changed ones
}

// owedAccount is one object that could not be read and will be tried again.
type owedAccount struct {
	Key    string    `json:"key"`
	Source string    `json:"source"`
	Cause  string    `json:"cause"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Tries  int       `json:"tries"`
}

// fileAccount is one file that was added to the lake.
type fileAccount struct {
	Table string `json:"table"`
	Key   string `json:"key"`
	Rows  int    `json:"rows"`
	Bytes int64  `json:"bytes"`
}

// check gives, in words, every equation that does not hold; none is the rule.
// A run that ended before its commit need not have sorted its sign-ins into
// new and known ones, nor have filed any.
func (a *runAccount) check() []string {
	var c checks
	c.numbers(a)
	c.counts(a)
	c.status(a)
	c.lists(a)
	return c.wrong
}

// ended tells whether the run came to its end, well or with something skipped.
func (a *runAccount) ended() bool {
	return a.Status == statusComplete || a.Status == statusSkipped || a.Status == statusFindings
}

// knows tells whether the run got as far as to know what the state holds.
func (a *runAccount) knows() bool { return a.ended() || a.Generation > 0 }

// exit is the exit status that goes with the account's.
func (a *runAccount) exit() int {
	switch a.Status {
	case statusComplete:
		return exitComplete
	case statusSkipped:
		return exitSkipped
	case statusFindings:
		return exitFindings
	case statusInterrupted:
		return exitInterrupted
	}
	return exitFailed
}

// checks collects what does not hold.
type checks struct{ wrong []string }

func (c *checks) want(ok bool, format string, args ...any) {
	if !ok {
		c.wrong = append(c.wrong, "does not add up: "+fmt.Sprintf(format, args...))
	}
}

// numbers checks that nothing is counted below zero.
func (c *checks) numbers(a *runAccount) {
	for _, f := range a.figures() {
		c.want(f.value >= 0, "%s is %d", f.name, f.value)
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

// counts checks the equations between counts.
func (c *checks) counts(a *runAccount) {
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
	case a.Committed || a.ended():
		c.want(r.SignIns == s.New+s.Known, "sign-ins (%d) = new (%d) + known (%d)", r.SignIns, s.New, s.Known)
		c.want(rows == s.New, "rows in added files of signins (%d) = new sign-ins (%d)", rows, s.New)
	default:
		c.want(s.New+s.Known <= r.SignIns, "new (%d) + known (%d) are of the sign-ins (%d)", s.New, s.Known, r.SignIns)
	}
	if a.Committed {
		return
	}
	c.want(len(a.Files) == 0 && len(a.Replaced) == 0, "nothing was committed, so that no file (%d) was added and none (%d) replaced", len(a.Files), len(a.Replaced))
	if a.ended() {
		n := s.New + f.New + f.Changed + f.Withdrawn
		c.want(n == 0, "nothing was committed, so that no sign-in (%d) is new and no finding (%d) another", s.New, n-s.New)
	}
}

// status checks that the status is that of the rest.
func (c *checks) status(a *runAccount) {
	passed := a.Objects.Skipped + a.Records.Skipped + len(a.Owed)
	switch a.Status {
	case statusComplete:
		c.want(passed == 0, "status complete, and nothing skipped or owed (%d)", passed)
	case statusSkipped:
		c.want(passed > 0, "status skipped, and something skipped or owed (%d)", passed)
	case statusFindings:
		c.want(a.Findings.Standing > 0, "status findings, and findings that stand (%d)", a.Findings.Standing)
	case statusFailed:
		c.want(a.Error != "", "status failed, and an error")
	case statusInterrupted:
	default:
		c.want(false, "status %q is none", a.Status)
	}
	c.want(!a.ended() || a.Error == "", "status %s, and no error (%q)", a.Status, a.Error)
	c.want(a.Manifest == accountVersion, "manifest is version %d (%d)", accountVersion, a.Manifest)
	c.want(!a.Committed || a.Generation > 0, "what is committed has a generation (%d)", a.Generation)
	unborn := a.Run == "" && !a.Committed && !a.ended() // it did not get as far as the lock
	c.want(unborn || len(a.Run) == 12 && strings.Trim(a.Run, "0123456789abcdef") == "", "run %q has 12 hexadecimal digits", a.Run)
}

// lists checks that nothing is named twice, and that what is named is whole.
func (c *checks) lists(a *runAccount) {
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
		once("file", "", key) // what is replaced is none of the added ones
	}
}

// figure is one number of an account, under the name that logs give it.
type figure struct {
	name  string
	value int64
}

// figures are the numbers of an account, in the order of its form.
func (a *runAccount) figures() []figure {
	o, r, s, f := &a.Objects, &a.Records, &a.SignIns, &a.Findings
	rows, bytes := 0, int64(0)
	for _, file := range a.Files {
		rows, bytes = rows+file.Rows, bytes+file.Bytes
	}
	return []figure{
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

// line says all of a run in one line, for people and for grep.
func (a *runAccount) line() string {
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

// encode gives the account as JSON: the run's manifest. What does not add up
// is said in its remarks.
func (a *runAccount) encode() ([]byte, error) {
	whole := *a
	whole.Sources = append([]string{}, a.Sources...)
	whole.Owed = append([]owedAccount{}, a.Owed...)
	whole.Files = append([]fileAccount{}, a.Files...)
	whole.Replaced = append([]string{}, a.Replaced...)
	whole.Remarks = append(append([]string{}, a.Remarks...), a.check()...)
	b, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest of run %q: %w", a.Run, err)
	}
	return append(b, '\n'), nil
}
