package signin_test

import (
	"strings"
	"testing"

	"trailgate/ingest/signin"
)

const (
	account = "111122223333"
	idcRole = "AWSReservedSSO_Admin_0123456789abcdef"
)

func TestPrincipal(t *testing.T) {
	sts := "arn:aws:sts::" + account + ":assumed-role/"
	iam := "arn:aws:iam::" + account + ":"
	for _, c := range []struct {
		name       string
		id         signin.Identity
		want       string
		role, sess string
	}{
		{"user", signin.Identity{Type: "IAMUser", Account: account, ARN: iam + "user/ops/alice", UserName: "alice"}, account + "/user/alice", "", ""},
		{"user failed, no arn", signin.Identity{Type: "IAMUser", Account: account, UserName: "alice"}, account + "/user/alice", "", ""},
		{"user by arn alone", signin.Identity{Type: "IAMUser", ARN: iam + "user/ops/alice"}, account + "/user/alice", "", ""},
		{"hidden", signin.Identity{Type: "IAMUser", Account: account, UserName: signin.Hidden}, account + "/unknown", "", ""},
		{"root", signin.Identity{Type: "Root", Account: account, UserName: "alias"}, account + "/root", "", ""},
		{"role", signin.Identity{Type: "AssumedRole", Account: account, ARN: sts + "Dev/bob@example.com"}, account + "/role/Dev/bob@example.com", "Dev", "bob@example.com"},
		{"role by issuer and principal id", signin.Identity{Type: "AssumedRole", Account: account, IssuerARN: iam + "role/team/Dev", PrincipalID: "AROAEXAMPLE:bob"},
			account + "/role/Dev/bob", "Dev", "bob"},
		{"identity center", signin.Identity{Type: "AssumedRole", Account: account, ARN: sts + idcRole + "/eve",
			IssuerARN: iam + "role/aws-reserved/sso.amazonaws.com/eu-west-1/" + idcRole}, "identity-center/eve", idcRole, "eve"},
		{"identity center without an issuer", signin.Identity{Type: "AssumedRole", Account: account, ARN: sts + idcRole + "/eve"}, "identity-center/eve", idcRole, "eve"},
		{"a role that only looks like identity center's", signin.Identity{Type: "AssumedRole", Account: account, ARN: sts + idcRole + "/eve", IssuerARN: iam + "role/" + idcRole},
			account + "/role/" + idcRole + "/eve", idcRole, "eve"},
		{"federated", signin.Identity{Type: "FederatedUser", Account: account, ARN: "arn:aws:sts::" + account + ":federated-user/carol"}, account + "/federated/carol", "", ""},
		{"federated by principal id", signin.Identity{Type: "FederatedUser", Account: account, PrincipalID: account + ":carol"}, account + "/federated/carol", "", ""},
		{"role without a session", signin.Identity{Type: "AssumedRole", Account: account, ARN: sts + "Dev"}, account + "/unknown", "", ""},
		{"nothing", signin.Identity{}, "999988887777/unknown", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := signin.Event{Account: "999988887777", Identity: c.id}
			if e.Named() == strings.HasSuffix(c.want, "/unknown") {
				t.Errorf("named: %v", e.Named())
			}
			if got := e.Principal(); got != c.want {
				t.Errorf("principal %q, want %q", got, c.want)
			}
			if role, sess := c.id.RoleName(), c.id.SessionName(); role != c.role || sess != c.sess {
				t.Errorf("role %q, session %q", role, sess)
			}
		})
	}
}

func TestHomeRegion(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/"
	for _, c := range []struct{ name, issuer, partition, want string }{
		{"the path names it", role + "eu-west-1/AWSReservedSSO_Admin_0123456789abcdef", "aws", "eu-west-1"},
		{"without a Region in the path", role + "AWSReservedSSO_Admin_0123456789abcdef", "aws", "us-east-1"},
		{"another partition", role + "AWSReservedSSO_Admin_0123456789abcdef", "aws-cn", ""},
		{"no role", "", "aws", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (signin.Identity{Type: "AssumedRole", IssuerARN: c.issuer}).HomeRegion(c.partition); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestIdentityCenterHome(t *testing.T) {
	path := "arn:aws:iam::" + account + ":role/aws-reserved/sso.amazonaws.com/"
	for issuer, want := range map[string]string{
		path + "eu-west-1/" + idcRole: "eu-west-1", path + idcRole: "", "arn:aws:iam::" + account + ":role/eu-west-1/x": "", "": "",
	} {
		if got := (signin.Identity{Type: "AssumedRole", IssuerARN: issuer}).IdentityCenterHome(); got != want {
			t.Errorf("%q: %q, want %q", issuer, got, want)
		}
	}
}

func TestPartition(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws-cn:iam::" + account + ":root": "aws-cn", "": "", "arn:": "", "arn:aws": "",
	} {
		if got := (signin.Identity{ARN: arn}).Partition(); got != want {
			t.Errorf("%q: %q, want %q", arn, got, want)
		}
	}
}

// FuzzIdentity checks that nothing panics and that a principal always has an
// account.
func FuzzIdentity(f *testing.F) {
	f.Add("AssumedRole", "arn:aws:sts::1:assumed-role/a/b", "x:y", "n", "arn:aws:iam::1:role/p/a")
	f.Add("IAMUser", "arn:aws:iam::1:user/", "", "", "")
	f.Fuzz(func(t *testing.T, kind, arn, principal, user, issuer string) {
		id := signin.Identity{Type: kind, ARN: arn, PrincipalID: principal, UserName: user, IssuerARN: issuer}
		e := signin.Event{Account: account, Identity: id}
		if e.Principal() == "" || e.Principal() == account {
			t.Errorf("principal %q", e.Principal())
		}
		id.Partition()
		id.IdentityCenterHome()
	})
}
