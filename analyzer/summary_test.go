package analyzer_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/ingest/signin"
)

func TestSummary(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	user := func(name, host string, hour int, o signin.Outcome) signin.Event {
		return signin.Event{Time: at.Add(time.Duration(hour) * time.Hour), Account: "111122223333", Region: "us-east-1", Host: host,
			Outcome: o, Identity: signin.Identity{Type: "IAMUser", Account: "111122223333", UserName: name}}
	}
	all := []signin.Event{
		user("alice", "eu-west-1.signin.aws.amazon.com", 3, signin.Success),
		user("alice", "eu-west-1.signin.aws.amazon.com", 1, signin.Failure),
		user("alice", "signin.aws.amazon.com", 2, signin.Success),
		user("bob", "signin.aws.amazon.com", 0, signin.Success),
		user("bob", "", 4, signin.Success),
		user(signin.Hidden, "signin.aws.amazon.com", 5, signin.Failure),
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		var s analyzer.Summary
		for _, i := range rnd.Perm(len(all)) {
			s.Add(&all[i], analyzer.Classify(all[i]))
		}
		if s.SignIns != 6 || s.Failures != 2 || s.Hidden != 1 || s.Named != 2 || !s.First.Equal(at) || !s.Last.Equal(at.Add(5*time.Hour)) {
			t.Fatalf("summary: %+v", s)
		}
		if diff := cmp.Diff([3]int{1, 3, 2}, [3]int{s.Scopes[analyzer.ScopeUnknown], s.Scopes[analyzer.ScopeGlobal], s.Scopes[analyzer.ScopeRegional]}); diff != "" {
			t.Fatal(diff)
		}
		type line struct {
			name                 string
			n, failed, endpoints int
			usual                string
		}
		var got []line
		for _, p := range s.Principals() {
			got = append(got, line{p.Principal, p.SignIns, p.Failures, p.Endpoints(), p.Usual()})
		}
		want := []line{
			{"111122223333/user/alice", 3, 1, 2, "eu-west-1"}, {"111122223333/user/bob", 2, 0, 1, "global"},
			{"111122223333/unknown", 1, 1, 1, "global"},
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
			t.Fatal(diff)
		}
		ends := s.Endpoints()
		if len(ends) != 3 || ends[0].Endpoint != "global" || ends[0].SignIns != 3 || ends[0].Principals != 2 || ends[0].Failures != 1 {
			t.Fatalf("endpoints: %+v", ends)
		}
	}
}
