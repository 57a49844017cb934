package policy_test

import (
	"fmt"

	"trailgate/analyzer"
	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

func ExamplePolicy_Decide() {
	file := `
version: 1
rules:
  - {name: europe, match: {user: "eu-*"}, allow: ["eu-*"]}
defaults: {allow: [global]}
`
	p, err := policy.Parse("policy.yaml", []byte(file), region.Table{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, user := range []string{"eu-anna", "bob"} {
		e := signin.Event{
			Account: "111122223333", Region: "eu-west-1", Host: "eu-west-1.signin.aws.amazon.com", Outcome: signin.Success,
			Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: user},
		}
		d := p.Decide(&e, analyzer.Classify(e))
		fmt.Printf("%s by rule %s: allowed %v, expected %v\n", user, d.Rule, d.Allowed, d.Expected)
	}
	// Output:
	// eu-anna by rule europe: allowed true, expected [eu-*]
	// bob by rule defaults: allowed false, expected [global]
}

// The error of Parse lists every mistake with its line and column.
func ExampleParse() {
	file := "version: 1\nrules:\n  - {match: {usr: alice}, allow: [eu-wset-1]}\n"
	_, err := policy.Parse("policy.yaml", []byte(file), region.Table{})
	problems, _ := err.(policy.Problems)
	for _, p := range problems {
		fmt.Println(p.Error())
	}
	// Output:
	// policy.yaml:3:14: unknown key "usr" in match: did you mean "user"?
	// policy.yaml:3:35: unknown Region "eu-wset-1": did you mean "eu-west-1"?
}
