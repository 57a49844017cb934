package detect_test

import (
	"encoding/json"
	"fmt"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
)

// exampleSignIn returns a sign-in of an IAM user at a regional endpoint.
func exampleSignIn(n int, region string) signin.Event {
	return signin.Event{
		ID: fmt.Sprintf("%06d", n), Time: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).AddDate(0, 0, n), Account: "111122223333",
		Region: region, Host: region + ".signin.aws.amazon.com", Outcome: signin.Success, MFA: signin.MFAYes, SourceIP: "192.0.2.1",
		Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"},
	}
}

// A Detector learns the usual endpoint of a user, and then finds another one.
func ExampleDetector() {
	var d detect.Detector
	for n := range 100 {
		e := exampleSignIn(n, "eu-west-1")
		d.Add(&e, analyzer.Classify(e))
	}
	e := exampleSignIn(100, "us-west-2")
	d.Add(&e, analyzer.Classify(e))
	for _, f := range d.Findings() {
		fmt.Println(f.Rule, f.Severity, f.Observed, f.Expected)
	}
	// Output:
	// endpoint.first-in-account medium us-west-2 [eu-west-1]
}

// A Baseline keeps between two runs what the first one learned.
func ExampleParseBaseline() {
	var first detect.Detector
	for n := range 40 {
		e := exampleSignIn(n, "eu-west-1")
		first.Add(&e, analyzer.Classify(e))
	}
	saved, err := json.Marshal(first.Baseline)
	if err != nil {
		fmt.Println(err)
		return
	}
	baseline, err := detect.ParseBaseline(saved)
	if err != nil {
		fmt.Println(err)
		return
	}
	second := detect.Detector{Baseline: baseline}
	e := exampleSignIn(40, "us-west-2")
	second.Add(&e, analyzer.Classify(e))
	fmt.Println(baseline.Principals(), "principal")
	fmt.Println(len(second.Findings()), "finding")
	// Output:
	// 1 principal
	// 1 finding
}
