package trail_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/trail"
)

func TestDiscovery(t *testing.T) {
	account := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
	organization := logKey("AWSLogs/"+orgID+"/", accountB, "eu-north-1", noon(0), 2)
	tower := logKey(orgID+"/AWSLogs/"+orgID+"/", accountA, "us-east-1", noon(1), 3)
	old := logKey(orgID+"/AWSLogs/", accountB, "us-east-1", noon(2), 4)
	named := logKey("my logs/zürich/AWSLogs/", accountA, "us-west-2", noon(0), 5)
	doubled := logKey("AWSLogs/AWSLogs/", accountA, "us-west-2", noon(0), 6)
	deep := logKey("1/2/3/4/5/AWSLogs/", accountA, "us-west-2", noon(0), 7)
	all := []string{account, organization, tower, old, named, doubled, deep}
	slices.Sort(all)
	m := &memory{objects: map[string][]byte{}}
	for _, key := range all {
		m.objects[key] = logFile(t, key)
	}
	folder := func(key string, up int) string {
		part := strings.Split(key, "/")
		return strings.Join(part[:len(part)-up], "/")
	}
	cases := []struct {
		name, prefix string
		want         []string
	}{
		{"everywhere", "", all},
		{"above AWSLogs", "my logs", []string{named}},
		{"with a slash", "my logs/zürich/", []string{named}},
		{"AWSLogs", "my logs/zürich/AWSLogs", []string{named}},
		{"organization", "AWSLogs/" + orgID, []string{organization}},
		{"Control Tower", orgID, []string{tower, old}},
		{"account", folder(account, 6), []string{account}},
		{"CloudTrail folder", folder(account, 5), []string{account}},
		{"Region", folder(account, 4), []string{account}},
		{"year", folder(account, 3), []string{account}},
		{"month", folder(account, 2) + "/", []string{account}},
		{"day", folder(account, 1), []string{account}},
		{"one file", account, []string{account}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &trail.Source{Store: m, Prefix: c.prefix}
			list := objects(t, s, ingest.Window{})
			got, skips, err := list.keys, list.skips, list.err
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil || skips != nil {
				t.Errorf("error %v, skips %v, objects (-want +got):\n%s", err, skips, diff)
			}
			if c := list.cov; c.Listed != len(got) || len(c.Remarks) > 0 || c.Partial {
				t.Errorf("coverage %+v", c)
			}
			if err := s.Probe(t.Context()); err != nil {
				t.Errorf("probe: %v", err)
			}
		})
	}
}

func TestNoTrail(t *testing.T) {
	foreign := map[string][]byte{
		"readme.txt": nil, "data/2024/part-1": nil, "AWSLogs/111122223333/vpcflowlogs/us-east-1/2024/03/04/x.log.gz": nil,
	}
	cases := []struct {
		name, prefix string
		objects      map[string][]byte
		found        []string
	}{
		{"empty bucket", "", nil, nil},
		{"other things", "", foreign, []string{"AWSLogs/", "data/", "readme.txt"}},
		{"no such account", "AWSLogs/444455556666", foreign, nil},
		{"no such Region", "AWSLogs/111122223333/CloudTrail/us-east-1", foreign, nil},
		{"no such file", logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1), foreign, nil},
		{"account without CloudTrail", "AWSLogs/111122223333/", foreign, []string{"vpcflowlogs/"}},
		{"digests are not a trail", "AWSLogs/111122223333/CloudTrail-Digest", map[string][]byte{
			"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/03/04/x": nil}, []string{"us-east-1/"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &trail.Source{Store: &memory{objects: c.objects}, Prefix: c.prefix}
			list := objects(t, s, ingest.Window{})
			keys, err := list.keys, list.err
			var none *trail.NoTrailError
			if !errors.As(err, &none) || len(keys) > 0 {
				t.Fatalf("got %v and %v, want a NoTrailError", keys, err)
			}
			if diff := cmp.Diff(c.found, none.Found); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if err := s.Probe(t.Context()); !errors.As(err, &none) {
				t.Errorf("probe: %v, want a NoTrailError", err)
			}
		})
	}
}

func TestPruning(t *testing.T) {
	m := &memory{objects: map[string][]byte{}}
	at := func(days, hour, minute int) string {
		when := noon(days).Add(time.Duration(hour-12)*time.Hour + time.Duration(minute)*time.Minute)
		key := logKey("AWSLogs/", accountA, "us-east-1", when, 0)
		m.objects[key] = nil
		return key
	}
	at(-40, 12, 0)
	at(0, 23, 59)
	at(1, 9, 58)
	slack := at(1, 9, 59)
	first := at(1, 10, 0)
	middle := at(2, 0, 0)
	last := at(3, 10, 0)
	lastSlack := at(3, 10, 1)
	beyond := at(3, 10, 2)
	at(4, 0, 0)
	m.objects["AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/06/note.txt"] = nil
	m.objects["AWSLogs/111122223333/CloudTrail/us-east-1/zzz"] = nil
	since, until := noon(1).Add(-2*time.Hour), noon(2).Add(-2*time.Hour)
	cases := []struct {
		name     string
		window   ingest.Window
		want     []string
		excluded map[string]int
	}{
		{"since and until", ingest.Window{Since: since, Until: until}, []string{slack, first, middle, last, lastSlack},
			map[string]int{"outside-window": 2, "foreign": 1}},
		{"without lateness", ingest.Window{Since: since, Until: until, Lateness: -1}, []string{slack, first, middle},
			map[string]int{"outside-window": 1, "foreign": 1}},
		{"until only", ingest.Window{Until: noon(0).AddDate(0, 0, -30)}, m.sorted()[:1], nil},
		{"since only", ingest.Window{Since: noon(3)}, m.sorted()[len(m.objects)-2 : len(m.objects)-1],
			map[string]int{"outside-window": 3, "foreign": 1}},
		{"a year of five digits", ingest.Window{Since: since, Until: time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)},
			[]string{slack, first, middle, last, lastSlack, beyond, m.sorted()[len(m.objects)-2]},
			map[string]int{"outside-window": 1, "foreign": 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &trail.Source{Store: m}
			list := objects(t, s, c.window)
			got, err := list.keys, list.err
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("error %v, objects (-want +got):\n%s", err, diff)
			}
			cov := list.cov
			if diff := cmp.Diff(c.excluded, cov.Excluded); diff != "" {
				t.Errorf("excluded (-want +got):\n%s", diff)
			}
			if cov.Listed != len(got)+ingest.Total(c.excluded) {
				t.Errorf("listed %d, given %d, excluded %v", cov.Listed, len(got), cov.Excluded)
			}
		})
	}
}

// sorted are the keys in order.
func (m *memory) sorted() []string {
	var keys []string
	for key := range m.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func TestSiblingsAndFilters(t *testing.T) {
	m := &memory{objects: map[string][]byte{
		"AWSLogs/111122223333/":                                  nil,
		"AWSLogs/111122223333/Config/ConfigWritabilityCheckFile": nil,
		"AWSLogs/111122223333/vpcflowlogs/x":                     nil,
		"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/x":     nil,
		"AWSLogs/111122223333/CloudTrail-Insight/us-east-1/x":    nil,
		"AWSLogs/111122223333/CloudTrail-NetworkActivity/x/x":    nil,
		"AWSLogs/111122223333/CloudTrail-Aggregated/x/x":         nil,
		"AWSLogs/111122223333/CloudTrail/NoRegion/x":             nil,
		"AWSLogs/111122223333/CloudTrail/stray":                  nil,
		"AWSLogs/123456789012/Config/x":                          nil,
	}}
	a := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
	b := logKey("AWSLogs/", accountB, "us-east-1", noon(0), 1)
	m.objects[a], m.objects[b] = nil, nil

	s := &trail.Source{Store: m}
	list := objects(t, s, ingest.Window{Accounts: []string{accountA, "123456789012"}, Regions: []string{"eu-west-1"}})
	got, err := list.keys, list.err
	if diff := cmp.Diff([]string{a}, got); diff != "" || err != nil {
		t.Errorf("error %v, objects (-want +got):\n%s", err, diff)
	}
	want := ingest.Coverage{
		Sources:  []string{"mem://"},
		Listed:   2,
		Excluded: map[string]int{"foreign": 1},
		Folders: map[string]int{"digest": 1, "insight": 1, "network-activity": 1, "aggregated": 1,
			"foreign": 4, "account-filter": 1},
		Shards:  []ingest.Shard{{Account: accountA, Region: "us-east-1", Objects: 1, Days: []ingest.Day{day(2024, 3, 4)}}},
		Remarks: []string{`account 123456789012 has no CloudTrail folder in "mem://AWSLogs/123456789012/"`},
	}
	if diff := cmp.Diff(want, list.cov); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
}

func TestListRequests(t *testing.T) {
	m := &memory{objects: map[string][]byte{}}
	for account := range 4 {
		for region := range 10 {
			for d := range 31 {
				key := logKey("AWSLogs/", fmt.Sprintf("%012d", 111122223333+account), fmt.Sprintf("eu-west-%d", region), noon(d), 0)
				m.objects[key] = nil
			}
		}
	}
	for _, c := range []struct {
		name   string
		window ingest.Window
		files  int
	}{
		{"no window", ingest.Window{}, 1240},
		{"ten days", ingest.Window{Since: noon(10), Until: noon(19)}, 440},
	} {
		t.Run(c.name, func(t *testing.T) {
			m.lists = nil
			s := &trail.Source{Store: m}
			cov, err := s.Survey(t.Context(), c.window)
			if err != nil || cov.Listed != c.files || len(m.lists) != 50 {
				t.Errorf("listed %d with %d requests and error %v, want %d with 50", cov.Listed, len(m.lists), err, c.files)
			}
			if len(cov.Shards) != 40 || cov.Shards[39].Objects != c.files/40 || len(cov.Shards[39].Days) != c.files/40 {
				t.Errorf("%d shards, the last %+v", len(cov.Shards), cov.Shards[len(cov.Shards)-1])
			}
		})
	}
}

func TestDeniedListing(t *testing.T) {
	a := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
	m := &memory{objects: map[string][]byte{a: nil, logKey("AWSLogs/", accountB, "us-east-1", noon(0), 1): nil}}
	m.denied = []string{"AWSLogs/444455556666/"}
	s := &trail.Source{Store: m}
	list := objects(t, s, ingest.Window{})
	got, skips, err := list.keys, list.skips, list.err
	want := []string{`skip "mem://AWSLogs/444455556666/": access denied, s3:ListBucket is needed: no`}
	if diff := cmp.Diff(want, skips); diff != "" || err != nil || len(got) != 1 {
		t.Errorf("objects %v, error %v, skips (-want +got):\n%s", got, err, diff)
	}
	cov, err := s.Survey(t.Context(), ingest.Window{})
	if cov.Listed != 2 || cov.Skipped[ingest.CauseListing] != 1 || len(cov.Skips) != 1 || err != nil {
		t.Errorf("survey: %+v and %v", cov, err)
	}
	for _, prefix := range []string{"", "AWSLogs/444455556666/"} {
		m.denied = []string{prefix}
		s := &trail.Source{Store: m, Prefix: prefix}
		var denied *answer.DeniedError
		if err := objects(t, s, ingest.Window{}).err; !errors.As(err, &denied) || denied.Action != "s3:ListBucket" {
			t.Errorf("start %q denied: %v, want the refusal", prefix, err)
		}
	}
}

func TestSearchBound(t *testing.T) {
	m := &memory{objects: map[string][]byte{}}
	key := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
	m.objects[key] = nil
	for n := range 300 {
		m.objects[fmt.Sprintf("table-%03d/part", n)] = nil
	}
	s := &trail.Source{Store: m}
	list := objects(t, s, ingest.Window{})
	got, skips, err := list.keys, list.skips, list.err
	cov := list.cov
	if diff := cmp.Diff([]string{key}, got); diff != "" || err != nil {
		t.Errorf("error %v, objects (-want +got):\n%s", err, diff)
	}
	if said := fmt.Sprint(skips); len(skips) != 1 || !strings.Contains(said, "mem://table-199/") || !strings.Contains(said, "101 folders") || cov.Folders["not-searched"] != 101 {
		t.Errorf("skips %v, folders %v", skips, cov.Folders)
	}
	if len(m.lists) > 210 {
		t.Errorf("%d list requests", len(m.lists))
	}
}

// FuzzPrefix lists any prefix. An empty store must give a NoTrailError. A store
// with a trail must give objects below the prefix, or a NoTrailError.
func FuzzPrefix(f *testing.F) {
	key := logKey("p/AWSLogs/"+orgID+"/", accountA, "us-east-1", noon(0), 1)
	for end := range key {
		f.Add(key[:end])
	}
	f.Add(key)
	f.Add("/")
	f.Add("AWSLogs//CloudTrail/AWSLogs/111122223333/CloudTrail/us-east-1/20")
	f.Fuzz(func(t *testing.T, prefix string) {
		var none *trail.NoTrailError
		if err := objects(t, &trail.Source{Store: &memory{}, Prefix: prefix}, ingest.Window{}).err; !errors.As(err, &none) {
			t.Errorf("an empty store gives %v", err)
		}
		m := &memory{objects: map[string][]byte{key: nil}}
		list := objects(t, &trail.Source{Store: m, Prefix: prefix}, ingest.Window{})
		keys, skips, err := list.keys, list.skips, list.err
		if (len(keys) == 0) != errors.As(err, &none) || len(skips) > 0 {
			t.Errorf("got %v, %v, %v", keys, skips, err)
		}
		if len(keys) > 0 && prefix != "/" && !strings.HasPrefix(key, prefix) {
			t.Errorf("got %v for the prefix %q", keys, prefix)
		}
	})
}
