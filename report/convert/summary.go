package convert

import (
	"trailgate/analyzer"
	"trailgate/ingest"
	"trailgate/report"
	"trailgate/report/row"
)

// Endpoints returns the rows of endpoints of a summary, in the order of the
// summary.
func Endpoints(s *analyzer.Summary) []row.Endpoint {
	var out []row.Endpoint
	for _, c := range s.Endpoints() {
		out = append(out, row.Endpoint{Scope: c.Scope.String(), Endpoint: c.Endpoint, SignIns: c.SignIns,
			Failures: c.Failures, Principals: c.Principals, First: c.First, Last: c.Last})
	}
	return out
}

// Principals returns the rows of principals of a summary, in the order of the
// summary. Findings is zero in each: the caller counts the findings.
func Principals(s *analyzer.Summary) []row.Principal {
	var out []row.Principal
	for _, c := range s.Principals() {
		out = append(out, row.Principal{Principal: c.Principal, IdentityType: c.IdentityType, SignIns: c.SignIns,
			Failures: c.Failures, Endpoints: c.Endpoints(), UsualEndpoint: c.Usual(), First: c.First, Last: c.Last})
	}
	return out
}

// Summary returns the numbers of a run over a window. The caller sets the tool, its
// version, what is known about findings, and whether the run was interrupted.
func Summary(s *analyzer.Summary, w ingest.Window) report.Summary {
	return report.Summary{
		Since: w.Since, Until: w.Until, First: s.First, Last: s.Last,
		SignIns: s.SignIns, Failures: s.Failures, Principals: s.Named, Accounts: s.Accounts(),
		Scopes: report.Scopes{Regional: s.Scopes[analyzer.ScopeRegional], Global: s.Scopes[analyzer.ScopeGlobal], Unknown: s.Scopes[analyzer.ScopeUnknown]},
	}
}
