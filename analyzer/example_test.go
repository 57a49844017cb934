package analyzer_test

import (
	"fmt"
	"time"

	"trailgate/analyzer"
	"trailgate/ingest/signin"
)

// The host that the browser asked for shows the endpoint.
func ExampleClassify() {
	e := signin.Event{
		Time: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), Version: "1.11", Account: "111122223333", Region: "eu-west-1",
		Host: "eu-west-1.signin.aws.amazon.com", Outcome: signin.Success,
		Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"},
	}
	v := analyzer.Classify(e)
	fmt.Println(v.Scope, v.Endpoint, v.Basis, v.Confidence)
	for _, sentence := range analyzer.Explain(e, v) {
		fmt.Println(sentence)
	}
	// Output:
	// regional eu-west-1 host certain
	// The sign-in came through the regional endpoint of eu-west-1 (confidence: certain).
	// The browser asked for the host "eu-west-1.signin.aws.amazon.com" (tlsDetails.clientProvidedHostHeader), which is the sign-in host of that Region.
	// awsRegion "eu-west-1" agrees.
}

// A Summary counts sign-ins by endpoint.
func ExampleSummary() {
	var s analyzer.Summary
	for _, region := range []string{"eu-west-1", "us-west-2", "eu-west-1"} {
		e := signin.Event{
			Account: "111122223333", Region: region, Host: region + ".signin.aws.amazon.com",
			Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"},
		}
		s.Add(&e, analyzer.Classify(e))
	}
	for _, c := range s.Endpoints() {
		fmt.Println(c.Endpoint, c.SignIns)
	}
	// Output:
	// eu-west-1 2
	// us-west-2 1
}
