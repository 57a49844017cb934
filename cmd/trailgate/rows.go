package main

import (
	"iter"
	"slices"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/report"
)

// flags of rows point to these.
type truths struct{ yes, no bool }

// signIns makes rows of events. Verdicts are made as the rows are asked for:
// keeping a million of them would cost more than making them again.
func signIns(events iter.Seq[signin.Event], c analyzer.Classifier) iter.Seq[report.SignIn] {
	t := truths{yes: true}
	return func(yield func(report.SignIn) bool) {
		for e := range events {
			if !yield(t.row(&e, c.Classify(e))) {
				return
			}
		}
	}
}

// row is one row of signins.
func (t *truths) row(e *signin.Event, v analyzer.Verdict) report.SignIn {
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

// endpoints and principals make rows of a summary.
func endpoints(s *analyzer.Summary) []report.Endpoint {
	var out []report.Endpoint
	for _, c := range s.Endpoints() {
		out = append(out, report.Endpoint{Scope: c.Scope.String(), Endpoint: c.Endpoint, SignIns: c.SignIns,
			Failures: c.Failures, Principals: c.Principals, First: c.First, Last: c.Last})
	}
	return out
}

func principals(s *analyzer.Summary) []report.Principal {
	var out []report.Principal
	for _, c := range s.Principals() {
		out = append(out, report.Principal{Principal: c.Principal, IdentityType: c.IdentityType, SignIns: c.SignIns,
			Failures: c.Failures, Endpoints: c.Endpoints(), UsualEndpoint: c.Usual(), First: c.First, Last: c.Last})
	}
	return out
}

// summary is the run in numbers.
func summary(s *analyzer.Summary, w ingest.Window, partial bool) report.Summary {
	return report.Summary{
		Tool: "trailgate", Version: version, Since: w.Since, Until: w.Until, First: s.First, Last: s.Last,
		SignIns: s.SignIns, Failures: s.Failures, Principals: s.Named, Accounts: s.Accounts(), Partial: partial,
		Scopes: report.Scopes{Regional: s.Scopes[analyzer.ScopeRegional], Global: s.Scopes[analyzer.ScopeGlobal], Unknown: s.Scopes[analyzer.ScopeUnknown]},
	}
}

// coverage makes the account of a run ready to be printed: with the days and
// Regions that have no log files.
func coverage(c *ingest.Coverage, w ingest.Window, now time.Time, table endpoint.Table) report.Coverage {
	out := report.Coverage{
		Complete: c.Complete(), Partial: c.Partial, Sources: c.Sources,
		Objects: report.Objects{Listed: c.Listed, Read: c.Read, Skipped: ingest.Total(c.Skipped), Excluded: ingest.Total(c.Excluded),
			SkippedBy: words(c.Skipped), LeftOutBy: c.Excluded, FoldersBy: c.Folders},
		Records: report.Records{Seen: c.Seen, SignIns: c.SignIns, Duplicates: c.Duplicates, Outside: c.Outside, Filtered: c.Filtered,
			Skipped: ingest.Total(c.SkippedRecords), SkippedBy: words(c.SkippedRecords)},
		Bytes:         report.Volume{Packed: c.Packed, Inflated: c.Inflated},
		SkipsUnlisted: c.Unlisted,
		Remarks:       c.Remarks,
	}
	if !narrowed(c.Sources) {
		out.Remarks = slices.Concat(c.Remarks, gaps(c.Shards, table))
		out.Absent = absent(c.Shards, table)
	}
	if files(c.Shards) == 0 && len(c.Shards) > 0 {
		out.Remarks = append(out.Remarks, "no log file lies in the window: no sign-in could have been seen")
	}
	for _, s := range c.Skips {
		out.Skips = append(out.Skips, report.Skip{Cause: string(s.Cause), Origin: s.Origin, Reason: s.Err.Error(), Record: s.Record})
	}
	from, to := span(c.Shards, w, now)
	for _, s := range c.Shards {
		out.Places = append(out.Places, placeRow(s, from, to))
	}
	return out
}

func words(m map[ingest.Cause]int) map[string]int {
	out := map[string]int{}
	for cause, n := range m {
		out[string(cause)] = n
	}
	return out
}

// span is the range of days in which log files are to be expected: the
// window's, and where that is open, from the first to the last day of any. A
// window that is open at its end reaches to yesterday: today's files may not
// be there yet.
func span(shards []ingest.Shard, w ingest.Window, now time.Time) (from, to ingest.Day) {
	first := true
	for _, s := range shards {
		for _, d := range s.Days {
			if first {
				from, to, first = d, d, false
			}
			from, to = min(from, d), max(to, d)
		}
	}
	yesterday := ingest.DayOf(now) - 1
	if !w.Since.IsZero() {
		from, to = ingest.DayOf(w.Since), max(to, yesterday)
	}
	if !w.Until.IsZero() {
		to = min(ingest.DayOf(w.Until.Add(-time.Nanosecond)), max(to, yesterday))
	}
	return from, to
}

func placeRow(s ingest.Shard, from, to ingest.Day) report.Place {
	p := report.Place{AccountID: s.Account, Region: s.Region, Objects: s.Objects, DaysWithFiles: len(s.Days)}
	if n := len(s.Days); n > 0 {
		p.FirstDay, p.LastDay = report.Date(s.Days[0]), report.Date(s.Days[n-1])
	}
	for d := from; d <= to && from > 0; d++ {
		if _, has := slices.BinarySearch(s.Days, d); !has {
			p.DaysWithoutFiles = append(p.DaysWithoutFiles, report.Date(d))
		}
	}
	return p
}

// files counts the log files of all shards.
func files(shards []ingest.Shard) int {
	n := 0
	for _, s := range shards {
		n += s.Objects
	}
	return n
}
