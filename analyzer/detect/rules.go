package detect

import "trailgate/analyzer/rule"

// ruleTest is a rule and the method that tests a sign-in against it.
type ruleTest struct {
	rule.Spec
	test func(*Detector, *observation, rule.Spec) (match, bool)
}

// ruleTests lists the rules in the order of rule.All. To add a rule, add one
// entry there, one line here and one method. The name of the method is the id in
// camel case.
func ruleTests() []ruleTest {
	methods := map[string]func(*Detector, *observation, rule.Spec) (match, bool){
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
