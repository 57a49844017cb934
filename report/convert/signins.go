package convert

import (
	"iter"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
	"trailgate/report/row"
)

// SignIns yields a row of signins for each event, in the order of the events. It
// classifies an event with c when its row is asked for: to keep a million results
// would cost more than to make them again. It can be run as often as events can.
func SignIns(events iter.Seq[signin.Event], c analyzer.Classifier) iter.Seq[row.SignIn] {
	p := boolPointers{yes: true}
	return func(yield func(row.SignIn) bool) {
		for e := range events {
			if !yield(p.signInRow(&e, c.Classify(e))) {
				return
			}
		}
	}
}

// Findings yields a row of findings for each finding, in their order. It can be
// run more than once.
func Findings(all []detect.Finding) iter.Seq[row.Finding] {
	p := boolPointers{yes: true}
	return func(yield func(row.Finding) bool) {
		for _, f := range all {
			if !yield(row.Finding{FindingID: f.ID, Rule: f.Rule, Severity: f.Severity.String(), Reason: f.Reason, Observed: f.Observed,
				Expected: f.Expected, Surprise: f.Surprise, SignIn: p.signInRow(&f.Event, f.Verdict)}) {
				return
			}
		}
	}
}

// boolPointers has the two values that the nullable booleans of rows point to. All
// rows of a stream share them, so that a row does not cost an allocation.
type boolPointers struct{ yes, no bool }

// signInRow returns one row of signins.
func (p *boolPointers) signInRow(e *signin.Event, v analyzer.Verdict) row.SignIn {
	id := &e.Identity
	r := row.SignIn{
		EventTime: e.Time, EventID: e.ID, OriginalEventID: e.OriginalID, AccountID: e.Account, RecordedRegion: e.Region,
		Partition: v.Partition, Scope: v.Scope.String(), Endpoint: v.Endpoint, Basis: v.Basis.String(), Confidence: v.Confidence.String(),
		SigninHost: e.Host, IdentityType: id.Type, Principal: e.Principal(), PrincipalARN: id.ARN,
		UserName: id.UserName, RoleName: id.RoleName(), SessionName: id.SessionName(),
		Outcome: e.Outcome.String(), ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage, MFA: e.MFA.String(),
		SourceIP: e.SourceIP, UserAgent: e.UserAgent, LoginTo: e.LoginTo, SAMLProviderARN: e.SAMLProvider,
		VPCEndpointID: e.VPCEndpoint, TLSVersion: e.TLSVersion, TLSCipher: e.TLSCipher, EventVersion: e.Version,
		Carrier: e.Carrier.String(), Origin: e.Origin, EventDate: row.DateOf(e.Time),
	}
	for _, n := range v.Notes {
		r.Notes = append(r.Notes, string(n))
	}
	switch e.Mobile {
	case signin.Yes:
		r.Mobile = &p.yes
	case signin.No:
		r.Mobile = &p.no
	}
	return r
}
