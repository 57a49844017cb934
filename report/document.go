package report

import (
	"iter"
	"time"
)

// Document is everything that a run has to say. Findings and SignIns may be
// nil, may be streams that can be read only once, and are read in the order
// that they come in: findings first. The zero Document is an empty report.
type Document struct {
	Summary    Summary
	Coverage   Coverage
	Findings   iter.Seq[Finding]
	SignIns    iter.Seq[SignIn]
	Endpoints  []Endpoint  // in the order to be shown
	Principals []Principal // likewise: most sign-ins first, then by key
}

// Summary is the run in numbers. Zero times mean "no bound" or "none".
type Summary struct {
	Tool       string         `json:"tool"`
	Version    string         `json:"version"`
	Since      time.Time      `json:"since"`       // window, inclusive
	Until      time.Time      `json:"until"`       // window, exclusive
	First      time.Time      `json:"first_event"` // earliest sign-in
	Last       time.Time      `json:"last_event"`  // latest sign-in
	SignIns    int            `json:"sign_ins"`
	Failures   int            `json:"failures"`
	Scopes     Scopes         `json:"scopes"` // adds up to SignIns
	Principals int            `json:"principals"`
	Accounts   []string       `json:"accounts"` // sorted
	Judged     bool           `json:"judged"`   // findings were looked for
	NotJudged  int            `json:"not_judged"`
	Findings   int            `json:"findings"`
	Severities map[string]int `json:"findings_by_severity"` // adds up to Findings
	Partial    bool           `json:"partial"`              // the run was interrupted
}

// Scopes counts sign-ins by scope.
type Scopes struct {
	Regional int `json:"regional"`
	Global   int `json:"global"`
	Unknown  int `json:"unknown"`
}

// Coverage is the account of what was read, what was skipped and why, and
// what was never there. Every count adds up, which is the caller's to see to:
//
//	objects listed = read + skipped + excluded
//	records seen   = sign-ins + duplicates + outside window + filtered
type Coverage struct {
	Complete      bool      `json:"complete"` // everything that was found was also read
	Partial       bool      `json:"partial"`  // the run was interrupted
	Sources       []string  `json:"sources"`  // as the user named them
	Objects       Objects   `json:"objects"`
	Records       Records   `json:"records"`
	Bytes         Volume    `json:"bytes"`
	Places        []Place   `json:"places"`                // sorted by account, then Region
	Absent        []Absence `json:"regions_without_files"` // sorted by account
	Skips         []Skip    `json:"skips"`                 // sorted by origin
	SkipsUnlisted int       `json:"skips_unlisted"`        // skips beyond those
	Remarks       []string  `json:"remarks"`               // what else the reader must know
}

// Objects counts objects: listed = read + skipped + excluded.
type Objects struct {
	Listed    int            `json:"listed"`
	Read      int            `json:"read"`
	Skipped   int            `json:"skipped"`
	Excluded  int            `json:"excluded"`
	SkippedBy map[string]int `json:"skipped_by_cause"`
	LeftOutBy map[string]int `json:"excluded_by_reason"`
	FoldersBy map[string]int `json:"folders_by_reason"` // folders not even listed
}

// Records counts sign-ins: seen = sign-ins + duplicates + outside + filtered.
// Skipped ones could not be read and are not among those seen.
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
	Inflated int64 `json:"inflated"` // of JSON
}

// Absence names the Regions for which an account has no log files: a sign-in
// there would not have been seen.
type Absence struct {
	AccountID string   `json:"account_id"`
	Regions   []string `json:"regions"` // sorted
}

// Skip is one object or record that could not be read.
type Skip struct {
	Cause  string `json:"cause"`
	Origin string `json:"origin"`
	Reason string `json:"reason"`
	Record bool   `json:"record"` // one record of the object, not the object
}

// Options say how a report for people looks. The zero value is the twin for
// pipes: all parts, tab-separated, plain numbers and RFC 3339 times, no colour.
type Options struct {
	Aligned bool // aligned columns; numbers and times as people write them
	Color   bool // terminal colours; only with Aligned
	Width   int  // columns of the terminal; 0: as wide as the rows need
	Verbose bool // list every skip and every Region without files
	Rows    Kind // only this table, with all its rows; empty: the report
}
