// Package convert makes the rows of reports from events, verdicts, findings and
// coverage. In come the types of the analyzer and ingest wings, out come rows and
// the parts of a report. It is the one package of this wing that knows the others.
// It reads nothing and prints nothing.
package convert

import (
	"iter"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/report"
)

// boolPointers has what the optional flags of rows point to.
type boolPointers struct{ yes, no bool }

// SignIns makes rows of events, in their order. The verdicts are made as the rows are
// asked for, because a million of them would take much memory.
func SignIns(events iter.Seq[signin.Event], c analyzer.Classifier) iter.Seq[report.SignIn] {
	t := boolPointers{yes: true}
	return func(yield func(report.SignIn) bool) {
		for e := range events {
			if !yield(t.signInRow(&e, c.Classify(e))) {
				return
			}
		}
	}
}

// signInRow makes one row.
func (t *boolPointers) signInRow(e *signin.Event, v analyzer.Verdict) report.SignIn {
	id := &e.Identity
	r := report.SignIn{
		EventTime: e.Time, EventID: e.ID, OriginalEventID: e.OriginalID, AccountID: e.Account, RecordedRegion: e.Region,
		Partition: v.Partition, Scope: v.Scope.String(), Endpoint: v.Endpoint, Basis: v.Basis.String(), Confidence: v.Confidence.String(),
		SigninHost: e.Host, IdentityType: id.Type, Principal: e.Principal(), PrincipalARN: id.ARN,
		UserName: id.UserName, RoleName: id.RoleName(), SessionName: id.SessionName(),
		Outcome: e.Outcome.String(), ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage, MFA: e.MFA.String(),
		SourceIP: e.SourceIP, UserAgent: e.UserAgent, LoginTo: e.LoginTo, SAMLProviderARN: e.SAMLProvider,
		VPCEndpointID: e.VPCEndpoint, TLSVersion: e.TLSVersion, TLSCipher: e.TLSCipher, EventVersion: e.Version,
		Carrier: e.Carrier.String(), Origin: e.Origin, EventDate: report.DateOf(e.Time),
	}
	for _, n := range v.Notes {
		r.Notes = append(r.Notes, string(n))
	}
	switch e.Mobile {
	case signin.Yes:
		r.Mobile = &t.yes
	case signin.No:
		r.Mobile = &t.no
	}
	return r
}

// Endpoints makes rows of the endpoints of a summary, most sign-ins first.
func Endpoints(s *analyzer.Summary) []report.Endpoint {
	var out []report.Endpoint
	for _, c := range s.Endpoints() {
		out = append(out, report.Endpoint{Scope: c.Scope.String(), Endpoint: c.Endpoint, SignIns: c.SignIns,
			Failures: c.Failures, Principals: c.Principals, First: c.First, Last: c.Last})
	}
	return out
}

// Principals makes rows of the people of a summary, most sign-ins first.
func Principals(s *analyzer.Summary) []report.Principal {
	var out []report.Principal
	for _, c := range s.Principals() {
		out = append(out, report.Principal{Principal: c.Principal, IdentityType: c.IdentityType, SignIns: c.SignIns,
			Failures: c.Failures, Endpoints: c.Endpoints(), UsualEndpoint: c.Usual(), First: c.First, Last: c.Last})
	}
	return out
}

// Summary makes the summary of a report: what was asked for and what was found. The
// version is that of the command.
func Summary(s *analyzer.Summary, w ingest.Window, partial bool, version string) report.Summary {
	return report.Summary{
		Tool: "trailgate", Version: version, Since: w.Since, Until: w.Until, First: s.First, Last: s.Last,
		SignIns: s.SignIns, Failures: s.Failures, Principals: s.Named, Accounts: s.Accounts(), Partial: partial,
		Scopes: report.Scopes{Regional: s.Scopes[analyzer.ScopeRegional], Global: s.Scopes[analyzer.ScopeGlobal], Unknown: s.Scopes[analyzer.ScopeUnknown]},
	}
}

// Findings makes rows of findings, in their order.
func Findings(all []detect.Finding) iter.Seq[report.Finding] {
	t := boolPointers{yes: true}
	return func(yield func(report.Finding) bool) {
		for _, f := range all {
			if !yield(report.Finding{FindingID: f.ID, Rule: f.Rule, Severity: f.Severity.String(), Reason: f.Reason, Observed: f.Observed,
				Expected: f.Expected, Surprise: f.Surprise, SignIn: t.signInRow(&f.Event, f.Verdict)}) {
				return
			}
		}
	}
}
