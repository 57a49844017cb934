package analyzer

import (
	"strings"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// Classifier classifies by a table of Regions. The zero Classifier uses the
// embedded one. It does not change and may be shared between goroutines.
type Classifier struct {
	Table region.Table
}

// Classify is the verdict of the zero Classifier.
func Classify(e signin.Event) Verdict { return Classifier{}.Classify(e) }

// Classify says through which endpoint a sign-in came. It is pure and total.
// The host that the browser asked for decides where it is a sign-in host;
// otherwise awsRegion does, as far as it can: in a partition's default Region
// the global and the regional endpoint are recorded alike, so there all but
// the root user stay unknown. LoginTo is never looked at: it names the
// destination.
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
	// Both rest on which Region is the default one, and only the commercial
	// partition has records that show it.
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

// location is awsRegion, understood.
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

// regionMismatch tells whether a host that decided and awsRegion disagree.
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

// partitionOf takes the best witness of the partition there is. An account host
// ranks behind awsRegion, since the verdict is to be as if there were none.
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

// collectNotes keeps the order of the marks, which is that of the notes. It
// allocates once, and only if there is something to note.
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
