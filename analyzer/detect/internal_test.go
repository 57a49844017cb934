package detect

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/rule"
	"trailgate/ingest/signin"
)

const halfLifeSeconds = int64(HalfLife / time.Second)

// TestCountsDecay checks the weights against numbers that are easy to work out: a
// sign-in loses half of its weight in each half-life.
func TestCountsDecay(t *testing.T) {
	var c endpointCounts
	c.addSignIn("us-west-2", 0)
	c.addSignIn("eu-west-1", 0)
	c.addSignIn("eu-west-1", halfLifeSeconds)
	c.addSignIn("eu-west-1", 2*halfLifeSeconds)
	want := endpointCounts{Last: 2 * halfLifeSeconds, Seen: 4, At: []endpointCount{{"eu-west-1", 1.75, 3}, {"us-west-2", 0.25, 1}}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := c.totalWeight(); got != 2 {
		t.Errorf("total weight %v, want 2", got)
	}
	c.addSignIn("us-west-2", halfLifeSeconds) // earlier than the last one
	if c.Last != 2*halfLifeSeconds || c.At[1] != (endpointCount{"us-west-2", 1.25, 2}) {
		t.Errorf("after a sign-in that is out of order: %+v", c)
	}
}

// TestPosterior checks one level of the model against the formula in the
// documentation of Baseline.
func TestPosterior(t *testing.T) {
	var c endpointCounts
	for range 3 {
		c.addSignIn("eu-west-1", 0)
	}
	c.addSignIn("us-west-2", 0)
	here := &observation{class: "eu-west-1"}
	there := &observation{class: "ap-south-1"}
	later := &observation{class: "eu-west-1", unix: halfLifeSeconds}
	for _, test := range []struct {
		name     string
		counts   *endpointCounts
		obs      *observation
		p, share float64
		used     bool
		seen     int
	}{
		{"without history the level above decides", nil, here, 0.5, 0, false, 0},
		{"empty counts are the same as none", &endpointCounts{}, here, 0.5, 0, false, 0},
		{"the usual endpoint", &c, here, (3 + 4*0.5) / (4 + 4), 0.75, true, 4},
		{"an endpoint never used", &c, there, 4 * 0.5 / (4 + 4), 0, false, 4},
		{"after a half-life the level above counts more", &c, later, (1.5 + 4*0.5) / (2 + 4), 0.75, true, 4},
	} {
		p, share, used, seen := test.counts.posteriorOf(test.obs, 0.5, 4)
		if math.Abs(p-test.p) > 1e-12 || share != test.share || used != test.used || seen != test.seen {
			t.Errorf("%s: %v, %v, %v, %v", test.name, p, share, used, seen)
		}
	}
	if n := c.timesSeen(here); n != 3 {
		t.Errorf("seen %d times, want 3", n)
	}
	if n := (*endpointCounts)(nil).timesSeen(here); n != 0 {
		t.Errorf("no counts saw it %d times", n)
	}
	if bits := surpriseBits(1.0 / 8); bits != 3 {
		t.Errorf("a probability of 1/8 has %v bits, want 3", bits)
	}
}

// TestProxiedRegionsCountAsGlobal checks that an IAM user at a proxied Region is
// compared with sign-ins at the global endpoint, and a role session is not.
func TestProxiedRegionsCountAsGlobal(t *testing.T) {
	var c endpointCounts
	c.addSignIn(analyzer.Global, 0)
	c.addSignIn("us-east-2", 0)
	c.addSignIn("us-west-2", 0)
	user := &observation{class: analyzer.Global, foldProxied: true}
	role := &observation{class: "us-east-2"}
	if n := c.timesSeen(user); n != 2 {
		t.Errorf("for a user %d, want 2", n)
	}
	if n := c.timesSeen(role); n != 1 {
		t.Errorf("for a role %d, want 1", n)
	}
}

func TestUsualEndpoints(t *testing.T) {
	var c endpointCounts
	for name, n := range map[string]int{"eu-west-1": 5, "ap-south-1": 5, "us-west-2": 9, "sa-east-1": 1} {
		for range n {
			c.addSignIn(name, 0)
		}
	}
	if diff := cmp.Diff([]string{"us-west-2", "ap-south-1", "eu-west-1"}, c.usualEndpoints()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := (*endpointCounts)(nil).usualEndpoints(); got != nil {
		t.Errorf("no counts have the usual endpoints %v", got)
	}
}

func TestRememberAddress(t *testing.T) {
	var h principalHistory
	for _, address := range []string{"a", "", "b", "c", "a", "a"} {
		h.rememberAddress(address)
	}
	if diff := cmp.Diff([]string{"a", "c", "b"}, h.Addresses); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	for i := range maxAddresses {
		h.rememberAddress(fmt.Sprint("new-", i))
	}
	if len(h.Addresses) != maxAddresses || h.Addresses[0] != "new-15" || h.knowsAddress("a") || !h.knowsAddress("new-0") {
		t.Errorf("a full list holds %v", h.Addresses)
	}
	if (*principalHistory)(nil).knowsAddress("a") {
		t.Error("a principal without history knows an address")
	}
}

// TestFailuresAreBounded checks that neither time nor an attack can make the
// baseline grow without end.
func TestFailuresAreBounded(t *testing.T) {
	b := &Baseline{}
	b.prepareMaps()
	failure := func(i int, named bool, address string) *observation {
		e := &signin.Event{Account: "111122223333", SourceIP: address, Outcome: signin.Failure}
		return &observation{event: e, unix: int64(i), principal: fmt.Sprint("user-", i), named: named}
	}
	for i := range 2 * rule.MaxFailures {
		b.recordFailure(failure(i, true, "192.0.2.1"))
		b.recordFailure(failure(i, false, "192.0.2.1"))
	}
	source := b.sources["192.0.2.1"]
	hidden := b.hidden["111122223333 192.0.2.1"]
	if len(source.Fails) != rule.MaxFailures || len(source.Hidden) != rule.MaxFailures || len(hidden) != rule.MaxFailures {
		t.Errorf("kept %d, %d and %d failures", len(source.Fails), len(source.Hidden), len(hidden))
	}
	if last := source.Fails[rule.MaxFailures-1].Who; last != fmt.Sprint("user-", 2*rule.MaxFailures-1) {
		t.Errorf("the latest failure kept is that of %s", last)
	}
	b.recordFailure(failure(1, true, "")) // without an address there is nothing to count
	if len(b.sources) != 1 {
		t.Errorf("failures of %d addresses", len(b.sources))
	}
	window := int64(rule.MaxWindow / time.Second)
	latest := int64(2*rule.MaxFailures - 1)
	b.forgetFailures(latest + window)
	if len(b.sources) != 1 || len(b.hidden) != 1 {
		t.Error("failures within the longest window were dropped")
	}
	b.forgetFailures(latest + window + 1)
	if len(b.sources) != 0 || len(b.hidden) != 0 {
		t.Error("failures older than the longest window were kept")
	}
}

// TestOneFailureForEachPrincipal checks that a principal who fails again counts
// once, at the latest time.
func TestOneFailureForEachPrincipal(t *testing.T) {
	b := &Baseline{}
	b.prepareMaps()
	for at, who := range []string{"alice", "bob", "alice"} {
		e := &signin.Event{SourceIP: "192.0.2.1", Outcome: signin.Failure}
		b.recordFailure(&observation{event: e, unix: int64(at), principal: who, named: true})
	}
	source := b.sources["192.0.2.1"]
	if diff := cmp.Diff([]failedAttempt{{"bob", 1}, {"alice", 2}}, source.Fails); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := source.failedPrincipals(2); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("since second 2 failed %v", got)
	}
	if got := (*addressFailures)(nil).failedPrincipals(0); got != nil {
		t.Errorf("an unknown address has failures of %v", got)
	}
}

func TestTimesInAWindow(t *testing.T) {
	times := []int64{10, 20, 20, 30}
	for oldest, want := range map[int64]int{0: 4, 10: 4, 11: 3, 20: 3, 30: 1, 31: 0} {
		if got := countSince(times, oldest); got != want {
			t.Errorf("since %d: %d, want %d", oldest, got, want)
		}
		if got := len(dropOlder(slices.Clone(times), oldest)); got != want {
			t.Errorf("from %d on: %d left, want %d", oldest, got, want)
		}
	}
}

func TestFormatPercent(t *testing.T) {
	for share, want := range map[float64]string{
		0: "none", 0.0001: "under 0.1 %", 0.001: "0.1 %", 0.0123: "1.2 %", 0.0999: "10.0 %", 0.1: "10 %", 0.255: "26 %", 1: "100 %",
	} {
		if got := formatPercent(share); got != want {
			t.Errorf("%v is written %q, want %q", share, got, want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 1500 * time.Millisecond: "2 seconds", 119 * time.Second: "119 seconds",
		2 * time.Minute: "2 minutes", 150 * time.Second: "2 min 30 s", time.Hour: "60 minutes", 2*time.Hour - time.Second: "119 min 59 s",
		2*time.Hour + time.Second: "2 h 1 min", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days", 50*time.Hour + time.Minute: "2 d 3 h",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestClipText(t *testing.T) {
	short, long := "é denied", ""
	for range 201 {
		long += "é"
	}
	if got := clipText(short); got != short {
		t.Errorf("a short text became %q", got)
	}
	if got := []rune(clipText(long)); len(got) != 201 || got[200] != '…' {
		t.Errorf("a text of 201 letters became one of %d", len(got))
	}
}

// TestFindingIDs holds ids against values that the first version gave. Consumers
// join findings by id, so an id must not change.
func TestFindingIDs(t *testing.T) {
	for _, c := range []struct{ rule, event, want string }{
		{rule.EndpointNew, "11111111-2222-3333-4444-555555555555", "f-69bea5739d5af474e46e"},
		{rule.MFAAbsent, "11111111-2222-3333-4444-555555555555", "f-3e70d7f104b345afebe3"},
	} {
		if got := findingID(c.rule, c.event); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.rule, c.event, got, c.want)
		}
	}
}

// TestRelatedRules checks which pairs of rules are further evidence when they meet.
func TestRelatedRules(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{rule.RootSignin, rule.RootRegional, true},
		{rule.EndpointNew, rule.EndpointFirstInAccount, true},
		{rule.EndpointIDCHome, rule.EndpointNew, true},
		{rule.EndpointNew, rule.EndpointHop, false},
		{rule.AuthSpray, rule.AuthBruteforce, false},
		{rule.RootSignin, rule.EndpointForeignHost, false},
	} {
		if relatedRules(c.a, c.b) != c.want || relatedRules(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}
