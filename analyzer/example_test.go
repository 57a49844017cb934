package analyzer_test

import (
	"fmt"

	"trailgate/analyzer"
	"trailgate/ingest/signin"
)

func ExampleClassify() {
	for _, e := range []signin.Event{
		{Region: "us-east-1", Host: "signin.aws.amazon.com"},
		{Region: "eu-west-1", Host: "eu-west-1.signin.aws.amazon.com"},
		{Region: "eu-west-1"},
		{Region: "us-east-1"}, // the default Region: both endpoints are recorded there
	} {
		v := analyzer.Classify(e)
		fmt.Printf("%s %q, by %s, confidence %s\n", v.Scope, v.Endpoint, v.Basis, v.Confidence)
	}
	// Output:
	// global "global", by host, confidence certain
	// regional "eu-west-1", by host, confidence certain
	// regional "eu-west-1", by region, confidence high
	// unknown "", by none, confidence low
}

func ExampleSummary() {
	user := signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"}
	var s analyzer.Summary
	for _, region := range []string{"eu-west-1", "eu-west-1", "us-west-2"} {
		e := signin.Event{Account: "111122223333", Identity: user, Region: region, Outcome: signin.Success}
		s.Add(&e, analyzer.Classify(e))
	}
	for _, p := range s.Principals() {
		fmt.Println(p.Principal, "signed in", p.SignIns, "times, usually at", p.Usual())
	}
	// Output:
	// 111122223333/user/alice signed in 3 times, usually at eu-west-1
}
