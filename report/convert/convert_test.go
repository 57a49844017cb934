package convert_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
	"trailgate/report"
	"trailgate/report/convert"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func shard(account, region string, days ...string) ingest.Shard {
	s := ingest.Shard{Account: account, Region: region, Objects: len(days)}
	for _, d := range days {
		s.Days = append(s.Days, ingest.DayOf(day(d)))
	}
	return s
}

func TestDaysWithoutFiles(t *testing.T) {
	shards := []ingest.Shard{
		shard("111122223333", "eu-north-1", "2026-03-02", "2026-03-04"),
		shard("111122223333", "us-east-1", "2026-03-03"),
	}
	for name, c := range map[string]struct {
		w    ingest.Window
		want [2][]string
	}{
		"no window": {ingest.Window{}, [2][]string{{"2026-03-03"}, {"2026-03-02", "2026-03-04"}}},
		"since": {ingest.Window{Since: day("2026-03-01")}, [2][]string{
			{"2026-03-01", "2026-03-03", "2026-03-05"}, {"2026-03-01", "2026-03-02", "2026-03-04", "2026-03-05"}}},
		"since and until": {ingest.Window{Since: day("2026-03-03"), Until: day("2026-03-05")}, [2][]string{{"2026-03-03"}, {"2026-03-04"}}},
		"until after now": {ingest.Window{Until: day("2026-04-01")}, [2][]string{
			{"2026-03-03", "2026-03-05"}, {"2026-03-02", "2026-03-04", "2026-03-05"}}},
	} {
		cov := convert.Coverage(&ingest.Coverage{Shards: shards}, c.w, day("2026-03-06").Add(time.Hour), region.Table{})
		for i, place := range cov.Places {
			var got []string
			for _, d := range place.DaysWithoutFiles {
				got = append(got, d.String())
			}
			if diff := cmp.Diff(c.want[i], got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, place.Region, diff)
			}
		}
	}
}

func TestRegionsWithoutFiles(t *testing.T) {
	for name, c := range map[string]struct {
		source  string
		shards  []ingest.Shard
		absent  bool
		remarks int
	}{
		"one Region of the partition": {"s3://example-trail", []ingest.Shard{shard("111122223333", "eu-north-1", "2026-03-01")}, true, 1},
		"a folder without files":      {"s3://example-trail", []ingest.Shard{shard("111122223333", "eu-north-1")}, true, 1},
		"the user asked for one Region": {"s3://example-trail/AWSLogs/111122223333/CloudTrail/eu-north-1/",
			[]ingest.Shard{shard("111122223333", "eu-north-1", "2026-03-01")}, false, 0},
		"no trail at all": {"s3://example-trail", nil, false, 0},
	} {
		in := ingest.Coverage{Sources: []string{c.source}, Shards: c.shards}
		got := convert.Coverage(&in, ingest.Window{}, day("2026-03-06"), region.Table{})
		if (len(got.Absent) > 0) != c.absent || len(got.Remarks) != c.remarks {
			t.Errorf("%s: absent %v, remarks %q", name, got.Absent, got.Remarks)
		}
		if c.absent && slices.Contains(got.Absent[0].Regions, "eu-north-1") != (c.shards[0].Objects == 0) {
			t.Errorf("%s: absent %v", name, got.Absent)
		}
	}
}

func TestRowsOfEvents(t *testing.T) {
	events := []signin.Event{
		{ID: "1", Time: day("2026-03-01"), Account: "111122223333", Region: "eu-north-1", Mobile: signin.Yes},
		{ID: "2", Time: day("2026-03-02").Add(-time.Nanosecond), Mobile: signin.No},
		{ID: "3", Time: day("2026-03-02")},
	}
	rows := slices.Collect(convert.SignIns(slices.Values(events), analyzer.Classifier{}))
	var mobile, dates []string
	for _, r := range rows {
		text := "absent"
		if r.Mobile != nil {
			text = map[bool]string{true: "yes", false: "no"}[*r.Mobile]
		}
		mobile, dates = append(mobile, text), append(dates, r.EventDate.String())
	}
	if diff := cmp.Diff([]string{"yes", "no", "absent"}, mobile); diff != "" {
		t.Errorf("mobile (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2026-03-01", "2026-03-01", "2026-03-02"}, dates); diff != "" {
		t.Errorf("event_date (-want +got):\n%s", diff)
	}
	found := slices.Collect(convert.Findings([]detect.Finding{{ID: "f-1", Rule: "endpoint.new", Event: events[0]}}))
	if len(found) != 1 || found[0].FindingID != "f-1" || found[0].SignIn.EventID != "1" {
		t.Errorf("findings %+v", found)
	}
}

func TestSummary(t *testing.T) {
	var s analyzer.Summary
	e := signin.Event{ID: "1", Time: day("2026-03-01"), Account: "111122223333", Outcome: signin.Failure,
		Identity: signin.Identity{Type: "IAMUser", Account: "111122223333", UserName: "alice"}}
	s.Add(&e, analyzer.Classify(e))
	got := convert.Summary(&s, ingest.Window{Since: day("2026-02-01")})
	want := report.Summary{Since: day("2026-02-01"), First: e.Time, Last: e.Time, SignIns: 1, Failures: 1, Principals: 1,
		Accounts: []string{"111122223333"}, Scopes: report.Scopes{Unknown: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rows := convert.Principals(&s); len(rows) != 1 || rows[0].Principal != "111122223333/user/alice" || rows[0].SignIns != 1 {
		t.Errorf("principals %+v", rows)
	}
	if rows := convert.Endpoints(&s); len(rows) != 1 || rows[0].Scope != "unknown" || rows[0].Failures != 1 {
		t.Errorf("endpoints %+v", rows)
	}
}

// Every cause that a skip can have is put into words. A cause without words would be
// shown as it is.
func TestEveryCauseHasWords(t *testing.T) {
	causes := []ingest.Cause{ingest.CauseDenied, ingest.CauseVanished, ingest.CauseTransport, ingest.CauseTruncated,
		ingest.CauseCorrupt, ingest.CauseTrailing, ingest.CauseEmpty, ingest.CauseTooLarge, ingest.CauseBroken, ingest.CauseUnknown,
		ingest.CauseThrottled, ingest.CauseListing, ingest.CauseSource, ingest.CauseNoID, ingest.CauseNoTime, ingest.CauseRecord}
	c := ingest.Coverage{Skipped: map[ingest.Cause]int{}}
	for _, cause := range causes {
		c.Skipped[cause] = 1
	}
	cov := convert.Coverage(&c, ingest.Window{}, day("2026-03-06"), region.Table{})
	for _, cause := range causes {
		if words := cov.Meanings[string(cause)]; words == "" || words == string(cause) {
			t.Errorf("cause %q has no words", cause)
		}
	}
}
