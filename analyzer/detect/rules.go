package detect

import "trailgate/analyzer/rule"

// testMethod tests one sign-in against a rule. It gets the rule with the policy's
// settings in it. It returns the match and true if the sign-in breaks the rule. A
// testMethod changes neither the Detector nor the observation.
type testMethod func(*Detector, *observation, rule.Spec) (match, bool)

// ruleTest is a rule and the method that tests a sign-in against it.
type ruleTest struct {
	rule.Spec
	test testMethod
}

// ruleTests lists the rules in the order of rule.All. A new rule is one entry
// there, one line here and one method. The method has the name of the id in camel
// case. A test fails if one of the three is missing.
func ruleTests() []ruleTest {
	methods := map[string]testMethod{
		rule.EndpointPolicy:         (*Detector).endpointPolicy,
		rule.EndpointForeignHost:    (*Detector).endpointForeignHost,
		rule.RootRegional:           (*Detector).rootRegional,
		rule.RootSignin:             (*Detector).rootSignin,
		rule.EndpointIDCHome:        (*Detector).endpointIdcHome,
		rule.EndpointFirstInAccount: (*Detector).endpointFirstInAccount,
		rule.EndpointNew:            (*Detector).endpointNew,
		rule.EndpointHop:            (*Detector).endpointHop,
		rule.EndpointRegionMismatch: (*Detector).endpointRegionMismatch,
		rule.MFAAbsent:              (*Detector).mfaAbsent,
		rule.AuthBruteforce:         (*Detector).authBruteforce,
		rule.AuthSpray:              (*Detector).authSpray,
		rule.AuthUnknownUser:        (*Detector).authUnknownUser,
		rule.AuthDeniedByPolicy:     (*Detector).authDeniedByPolicy,
	}
	var tests []ruleTest
	for _, spec := range rule.All() {
		tests = append(tests, ruleTest{spec, methods[spec.ID]})
	}
	return tests
}
