// Package analyzer says through which endpoint a sign-in came, and whether
// that was to be expected. In come sign-ins, a policy, and what was learned
// before; out go verdicts, findings, and both in words. It is pure: no I/O, no
// clock, no AWS; what it is told is all that it knows.
package analyzer

import (
	"slices"

	"trailgate/analyzer/endpoint"
)

// Scope says whether a sign-in came through the global endpoint or a Region's.
type Scope = endpoint.Scope

// The values of the scope column.
const (
	ScopeUnknown  = endpoint.ScopeUnknown
	ScopeGlobal   = endpoint.ScopeGlobal
	ScopeRegional = endpoint.ScopeRegional
)

// Confidence says how far a verdict carries.
type Confidence = endpoint.Confidence

// The values of the confidence column, rising.
const (
	Low     = endpoint.Low
	High    = endpoint.High
	Certain = endpoint.Certain
)

// Global is what a verdict's Endpoint says of the global endpoint.
const Global = endpoint.GlobalName

// Basis is the part of the record that decided.
type Basis uint8

// The values of the basis column.
const (
	BasisNone     Basis = iota // nothing did: the scope is unknown
	BasisIdentity              // the root user, recorded in the default Region
	BasisRegion                // awsRegion is not the default Region
	BasisMarker                // awsRegion says "global"
	BasisHost                  // the host that the browser asked for
)

// String gives the word of the basis column.
func (b Basis) String() string {
	switch b {
	case BasisIdentity:
		return "identity"
	case BasisRegion:
		return "region"
	case BasisMarker:
		return "marker"
	case BasisHost:
		return "host"
	}
	return "none"
}

// Note is a remark on a verdict. Its text is fixed: it stands in outputs.
type Note string

// The notes, in the order in which a Verdict has them.
const (
	AccountHost    Note = "account-host"    // the host's first label is an account id or alias; verdict as if there were no host
	ForeignHost    Note = "foreign-host"    // the host is under no partition's sign-in domain; verdict as if there were none
	IdentityCenter Note = "idc"             // the identity is an Identity Center role
	MalformedField Note = "malformed-field" // a field of the record had a JSON type that cannot be read
	MaybeProxied   Note = "maybe-proxied"   // an IAM user at one of the three Regions that may stand for the global endpoint
	RegionMismatch Note = "region-mismatch" // host and awsRegion disagree
	UnknownRegion  Note = "unknown-region"  // awsRegion is not in the table
)

// Verdict is what is said of one sign-in. The zero Verdict says nothing:
// unknown, on no basis. Between its fields holds: Endpoint is Global exactly
// if Scope is ScopeGlobal, a Region exactly if it is ScopeRegional, and else
// empty; Basis is BasisNone and Confidence Low if Scope is ScopeUnknown, and
// Basis is something else if not.
type Verdict struct {
	Scope      Scope
	Endpoint   string // Global, a Region as the table writes it, or empty
	Basis      Basis
	Confidence Confidence
	Notes      []Note // sorted, each once; nil: none
	Partition  string // never empty in a verdict of Classify
}

// Has tells whether the verdict carries the note.
func (v Verdict) Has(n Note) bool { return slices.Contains(v.Notes, n) }
