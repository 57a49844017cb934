package samples_test

import (
	"testing"

	"trailgate/analyzer/internal/samples"
)

// TestPrincipals checks the keys of the samples, because other tests rely on
// them.
func TestPrincipals(t *testing.T) {
	for want, event := range map[string]string{
		"111122223333/user/alice":        samplePrincipal("user"),
		"111122223333/user/dana":         samplePrincipal("path"),
		"111122223333/root":              samplePrincipal("root"),
		"111122223333/role/Operator/bob": samplePrincipal("role"),
		"identity-center/carol":          samplePrincipal("center"),
	} {
		if event != want {
			t.Errorf("got %q, want %q", event, want)
		}
	}
}

func samplePrincipal(kind string) string {
	e := samples.UserAt("/team/dana", "eu-west-1")
	switch kind {
	case "user":
		e = samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost)
	case "root":
		e = samples.Event(samples.Root(), "us-east-1", samples.UnprefixedHost)
	case "role":
		e = samples.Event(samples.Role(), "us-east-1", samples.UnprefixedHost)
	case "center":
		e = samples.Event(samples.IdentityCenterRole("eu-west-1/"), "eu-west-1", "eu-west-1."+samples.UnprefixedHost)
	}
	return e.Principal()
}
