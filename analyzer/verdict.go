// Package analyzer says which sign-in endpoint a console sign-in came through. It
// takes a decoded sign-in and returns a verdict, its explanation in words, and
// summaries. It is pure: it does no I/O, reads no clock and calls no AWS service.
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

// Confidence says how reliable a verdict is.
type Confidence = endpoint.Confidence

// The values of the confidence column, rising.
const (
	Low     = endpoint.Low
	High    = endpoint.High
	Certain = endpoint.Certain
)

// Global is the Endpoint of a verdict with ScopeGlobal.
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

// Note is a remark on a verdict. Its text is part of the output format and does
// not change.
type Note string

// The notes, in the order in which a Verdict has them.
const (
	AccountHost    Note = "account-host"    // the host's first label is an account id or alias; the verdict is the one without a host
	ForeignHost    Note = "foreign-host"    // the host is not under a sign-in domain; the verdict is the one without a host
	IdentityCenter Note = "idc"             // the identity is an Identity Center role
	MalformedField Note = "malformed-field" // a field of the record had a JSON type that cannot be read
	MaybeProxied   Note = "maybe-proxied"   // an IAM user at one of the three Regions that may serve the global endpoint
	RegionMismatch Note = "region-mismatch" // host and awsRegion disagree
	UnknownRegion  Note = "unknown-region"  // awsRegion is not in the table
)

// Verdict says which endpoint one sign-in came through. The zero Verdict says
// that the endpoint is unknown and has no basis.
//
// The fields agree with each other. Endpoint is Global if Scope is ScopeGlobal, a
// Region if Scope is ScopeRegional, and empty otherwise. If Scope is
// ScopeUnknown, Basis is BasisNone and Confidence is Low. Otherwise Basis is not
// BasisNone.
type Verdict struct {
	Scope      Scope
	Endpoint   string // Global, a Region as the table writes it, or empty
	Basis      Basis
	Confidence Confidence
	Notes      []Note // sorted, each once; may be nil
	Partition  string // never empty in a verdict of Classify
}

// Has tells whether the verdict carries the note.
func (v Verdict) Has(n Note) bool { return slices.Contains(v.Notes, n) }
