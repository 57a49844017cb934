package policy_test

import (
	"fmt"

	"trailgate/analyzer"
	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// A policy says which endpoint a person may use.
func ExamplePolicy_Decide() {
	p, err := policy.Parse("policy.yaml", []byte(`version: 1
rules:
  - name: sydney
    match: {user: "alice"}
    allow: [ap-southeast-2]
`), region.Table{})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := signin.Event{
		Account: "111122223333", Region: "eu-west-1", Host: "eu-west-1.signin.aws.amazon.com",
		Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"},
	}
	d := p.Decide(&e, analyzer.Classify(e))
	fmt.Println(d.Judged, d.Allowed, d.Rule, d.Line, d.Expected)
	// Output:
	// true false sydney 3 [ap-southeast-2]
}

// Parse reports every mistake with its place.
func ExampleParse() {
	_, err := policy.Parse("policy.yaml", []byte("version: 1\nrules:\n  - {allow: [eu-wset-1]}\n"), region.Table{})
	fmt.Println(err)
	// Output:
	// policy.yaml:3:14: unknown Region "eu-wset-1": did you mean "eu-west-1"?
}
