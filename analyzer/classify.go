package analyzer

import (
	"strings"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// Classifier says which endpoint a sign-in came through. It uses a table of
// Regions. The zero Classifier uses the embedded table. A Classifier does not
// change and may be shared between goroutines.
type Classifier struct {
	Table region.Table
}

// Classify returns the verdict of the zero Classifier.
func Classify(e signin.Event) Verdict { return Classifier{}.Classify(e) }

// Classify says which endpoint a sign-in came through. It is pure, and every
// event has a verdict.
//
// If the browser asked for a sign-in host, the host decides. Otherwise awsRegion
// decides as far as it can. In the default Region of a partition, sign-ins at the
// global and at the regional endpoint are recorded alike. So all sign-ins there
// stay unknown, except those of the root user. LoginTo is not used, because it
// names the destination and not the endpoint.
func (c Classifier) Classify(e signin.Event) Verdict {
	host := endpoint.ParseHost(c.Table, e.Host)
	at := c.locateRegion(e.Region)
	v := Verdict{Partition: c.partitionOf(&e, host, at)}
	switch {
	case host.Class == endpoint.Global:
		v.Scope, v.Endpoint, v.Basis, v.Confidence = ScopeGlobal, Global, BasisHost, Certain
	case host.Class == endpoint.Regional:
		v.Scope, v.Endpoint, v.Basis, v.Confidence = ScopeRegional, host.Region, BasisHost, Certain
	case at.marker:
		v.Scope, v.Endpoint, v.Basis, v.Confidence = ScopeGlobal, Global, BasisMarker, High
	case !at.isKnown():
	case at.Name != c.Table.Default(at.Partition):
		v.Scope, v.Endpoint, v.Basis, v.Confidence = ScopeRegional, at.Name, BasisRegion, High
	case e.Identity.Type == signin.TypeRoot:
		v.Scope, v.Endpoint, v.Basis, v.Confidence = ScopeGlobal, Global, BasisIdentity, High
	}
	mismatch := c.regionMismatch(host, at)
	if mismatch {
		v.Confidence = High
	}
	// Both depend on which Region is the default one. Published records show it
	// for the commercial partition only.
	if (v.Basis == BasisRegion || v.Basis == BasisIdentity) && v.Partition != region.AWS {
		v.Confidence = Low
	}
	if host.Class == endpoint.Global && endpoint.BareStanding(host.Partition) == endpoint.Assumed {
		v.Confidence = Low
	}
	v.Notes = collectNotes([...]noteCandidate{
		{AccountHost, host.Class == endpoint.Account},
		{ForeignHost, host.Class == endpoint.Foreign},
		{IdentityCenter, e.Identity.IdentityCenter()},
		{MalformedField, e.Malformed},
		{MaybeProxied, e.Identity.Type == signin.TypeIAMUser && v.Partition == region.AWS &&
			(endpoint.Proxied(v.Endpoint) || endpoint.Proxied(at.Name))},
		{RegionMismatch, mismatch},
		{UnknownRegion, at.isOdd()},
	})
	return v
}

// location is what awsRegion means.
type location struct {
	region.Region      // zero where the table does not have it
	marker        bool // the literal "global"
	absent        bool
}

func (l location) isKnown() bool { return l.Name != "" }
func (l location) isOdd() bool   { return !l.isKnown() && !l.marker && !l.absent }

func (c Classifier) locateRegion(region string) location {
	if r, ok := c.Table.Region(region); ok {
		return location{Region: r}
	}
	region = strings.TrimSpace(region)
	return location{marker: strings.EqualFold(region, Global), absent: region == ""}
}

// regionMismatch tells whether the host decided and awsRegion disagrees with it. An
// absent awsRegion does not disagree.
func (c Classifier) regionMismatch(host endpoint.Host, at location) bool {
	switch {
	case at.absent:
		return false
	case host.Class == endpoint.Global:
		return !at.marker && at.Name != c.Table.Default(host.Partition)
	case host.Class == endpoint.Regional:
		return at.Name != host.Region
	}
	return false
}

// partitionOf returns the partition from the best evidence in the record. An
// account host ranks below awsRegion, because the verdict must be the same as
// without that host.
func (c Classifier) partitionOf(e *signin.Event, host endpoint.Host, at location) string {
	switch {
	case host.Class == endpoint.Global, host.Class == endpoint.Regional:
		return host.Partition
	case at.isKnown():
		return at.Partition
	case host.Class == endpoint.Account:
		return host.Partition
	}
	if p := e.Identity.Partition(); c.Table.Default(p) != "" {
		return p
	}
	return region.AWS
}

type noteCandidate struct {
	note Note
	set  bool
}

// collectNotes returns the notes of the candidates that are set, in the same order. It
// returns nil if none is set. It allocates at most once.
func collectNotes(marks [7]noteCandidate) []Note {
	n := 0
	for i := range marks {
		if marks[i].set {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	notes := make([]Note, 0, n)
	for i := range marks {
		if marks[i].set {
			notes = append(notes, marks[i].note)
		}
	}
	return notes
}
