package detect_test

import (
	"encoding/json"
	"fmt"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// exampleSignIn is a successful sign-in of alice, so many hours after 08:00.
func exampleSignIn(hours int, region string) signin.Event {
	return signin.Event{
		ID: fmt.Sprintf("event-%d", hours), Time: time.Date(2026, 3, 2, 8+hours, 0, 0, 0, time.UTC),
		Account: "111122223333", Region: region, Host: region + ".signin.aws.amazon.com",
		Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"},
		Outcome:  signin.Success, MFA: signin.MFAYes, SourceIP: "192.0.2.1",
	}
}

func ExampleDetector() {
	rules := "version: 1\nrules: [{name: europe, match: {user: alice}, allow: [\"eu-*\"]}]\n"
	p, err := policy.Parse("policy.yaml", []byte(rules), region.Table{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := detect.Detector{Policy: p}
	for hours, region := range []string{"eu-west-1", "eu-central-1", "us-west-2"} {
		e := exampleSignIn(hours, region)
		d.Add(&e, analyzer.Classify(e))
	}
	for _, f := range d.Findings() {
		fmt.Println(f.Event.Time.Format(time.TimeOnly), f.Severity, f.Rule, f.Reason)
	}
	// Output:
	// 10:00:00 medium endpoint.policy came through us-west-2; policy rule "europe" (line 2) allows eu-*
}

// A run saves its baseline, and the next run goes on where the first one ended.
func ExampleParseBaseline() {
	first := detect.Detector{}
	for hours := range 5 {
		e := exampleSignIn(hours, "eu-west-1")
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
	e := exampleSignIn(5, "ap-south-1")
	second.Add(&e, analyzer.Classify(e))
	for _, f := range second.Findings() {
		fmt.Printf("%s: %.1f bits, expected %v\n", f.Rule, *f.Surprise, f.Expected)
	}
	// Output:
	// endpoint.new: 11.1 bits, expected [eu-west-1]
}
