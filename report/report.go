package report

import (
	"iter"
	"time"

	"trailgate/report/row"
)

// Report is everything that a run has found. Findings and SignIns may be nil, and
// may be streams that can be read only once. A format that writes both reads the
// findings first. The zero Report is an empty report.
type Report struct {
	Summary    Summary
	Coverage   Coverage
	Findings   iter.Seq[row.Finding] // in the order in which they are to be written
	SignIns    iter.Seq[row.SignIn]  // in the order in which they are to be written
	Endpoints  []row.Endpoint        // in the order in which they are to be written
	Principals []row.Principal       // most sign-ins first, then by key
}

// Summary is the run in numbers. A zero time means "no limit" in Since and Until,
// and "no sign-in" in First and Last. NotJudged counts the sign-ins that could not be
// compared with what is expected, because their endpoint or principal is not known.
type Summary struct {
	Tool       string         `json:"tool"`
	Version    string         `json:"version"`     // of the tool
	Since      time.Time      `json:"since"`       // begin of the window, inclusive
	Until      time.Time      `json:"until"`       // end of the window, exclusive
	First      time.Time      `json:"first_event"` // earliest sign-in
	Last       time.Time      `json:"last_event"`  // latest sign-in
	SignIns    int            `json:"sign_ins"`
	Failures   int            `json:"failures"`
	Scopes     Scopes         `json:"scopes"` // their sum is SignIns
	Principals int            `json:"principals"`
	Accounts   []string       `json:"accounts"` // sorted
	Judged     bool           `json:"judged"`   // the run looked for findings
	NotJudged  int            `json:"not_judged"`
	Findings   int            `json:"findings"`
	Severities map[string]int `json:"findings_by_severity"` // their sum is Findings
	Partial    bool           `json:"partial"`              // the run was interrupted
}

// Scopes counts sign-ins by scope.
type Scopes struct {
	Regional int `json:"regional"`
	Global   int `json:"global"`
	Unknown  int `json:"unknown"`
}

// Coverage says what a run has read, what it has skipped and why, and which log
// files did not exist. The counts add up. The caller makes sure of that:
//
//	objects listed = read + skipped + excluded
//	records seen   = sign-ins + duplicates + outside window + filtered
type Coverage struct {
	Complete      bool           `json:"complete"` // everything that was found was also read
	Partial       bool           `json:"partial"`  // the run was interrupted
	Sources       []string       `json:"sources"`  // as the user named them
	Objects       Objects        `json:"objects"`
	Records       Records        `json:"records"`
	Bytes         Volume         `json:"bytes"`
	Places        []row.Coverage `json:"places"`                // sorted by account, then Region
	Absent        []Absence      `json:"regions_without_files"` // sorted by account
	Skips         []Skip         `json:"skips"`                 // sorted by origin
	SkipsUnlisted int            `json:"skips_unlisted"`        // skips that are counted and not in Skips
	Remarks       []string       `json:"remarks"`               // further sentences that the reader has to know

	// Meanings has the words for each cause in SkippedBy. A cause without an entry
	// is written with spaces for its hyphens. JSON does not have them.
	Meanings map[string]string `json:"-"`

	// ListedOnly is the reason in LeftOutBy for objects that the coverage verb lists
	// and does not read. It is empty if the run lists nothing without reading it.
	ListedOnly string `json:"-"`
}

// Objects counts objects: listed = read + skipped + excluded. A skipped object could
// not be read to its end. An excluded object was left out on purpose.
type Objects struct {
	Listed    int            `json:"listed"`
	Read      int            `json:"read"`
	Skipped   int            `json:"skipped"`
	Excluded  int            `json:"excluded"`
	SkippedBy map[string]int `json:"skipped_by_cause"`
	LeftOutBy map[string]int `json:"excluded_by_reason"`
	FoldersBy map[string]int `json:"folders_by_reason"` // folders that were not listed
}

// Records counts records of sign-ins: seen = sign-ins + duplicates + outside +
// filtered. Duplicates are further copies of a record. Outside are those outside the
// window. Filtered are those of accounts or Regions not asked for. A skipped record
// could not be read, so it is not one of those seen.
type Records struct {
	Seen       int            `json:"seen"`
	SignIns    int            `json:"sign_ins"`
	Duplicates int            `json:"duplicates"`
	Outside    int            `json:"outside_window"`
	Filtered   int            `json:"filtered"`
	Skipped    int            `json:"skipped"`
	SkippedBy  map[string]int `json:"skipped_by_cause"`
}

// Volume is how many bytes were read.
type Volume struct {
	Packed   int64 `json:"packed"`   // as stored
	Inflated int64 `json:"inflated"` // as JSON
}

// Absence names the Regions for which an account has no log files. The run could
// not see a sign-in there.
type Absence struct {
	AccountID string   `json:"account_id"`
	Regions   []string `json:"regions"` // sorted
}

// Skip is one object or record that could not be read.
type Skip struct {
	Cause  string `json:"cause"`
	Origin string `json:"origin"`
	Reason string `json:"reason"`
	Record bool   `json:"record"` // one record of the object, and not the object
}

// Options say how a report looks. With the zero value the report for people is
// what a pipe gets: all parts, cells separated by tabs, plain numbers, RFC 3339
// times, no color.
type Options struct {
	Aligned bool     // aligned columns; numbers and times as people write them
	Color   bool     // colors of a terminal; only with Aligned
	Width   int      // columns of the terminal; 0 means as many as the rows need
	Verbose bool     // list every skip and every Region without log files
	Rows    row.Kind // write only this table, with all its rows; empty means the report
}
