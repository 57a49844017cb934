// Package samples makes sign-ins for the tests of the analyzer packages. It takes
// an identity, a Region and a host and returns an event. All accounts and names
// are documentation values. Only tests import it.
package samples

import (
	"strings"
	"time"

	"trailgate/ingest/signin"
)

// The hosts and paths that most samples have.
const (
	UnprefixedHost = "signin.aws.amazon.com"
	SSORolePath    = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/"
)

// User returns the identity of the IAM user alice.
func User() signin.Identity { return NamedUser("alice") }

// NamedUser returns the identity of an IAM user without a path.
func NamedUser(name string) signin.Identity {
	return signin.Identity{Type: "IAMUser", Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/" + name, UserName: name}
}

// Root returns the identity of the root user.
func Root() signin.Identity {
	return signin.Identity{Type: "Root", Account: "111122223333", ARN: "arn:aws:iam::111122223333:root"}
}

// Role returns the identity of a session of an ordinary role.
func Role() signin.Identity {
	return signin.Identity{Type: "AssumedRole", Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/Operator/bob"}
}

// IdentityCenterRole returns the identity of a session of an Identity Center
// role. home is a Region followed by a slash, or empty.
func IdentityCenterRole(home string) signin.Identity {
	return signin.Identity{
		Type: "AssumedRole", Account: "111122223333",
		ARN:       "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_ReadOnly_0123456789abcdef/carol",
		IssuerARN: SSORolePath + home + "AWSReservedSSO_ReadOnly_0123456789abcdef",
	}
}

// InPartition returns the identity with the ARN of another partition.
func InPartition(id signin.Identity, partition string) signin.Identity {
	id.ARN = "arn:" + partition + id.ARN[len("arn:aws"):]
	return id
}

// Event returns a successful sign-in with a recorded Region and a host.
func Event(id signin.Identity, region, host string) signin.Event {
	return signin.Event{
		ID: "11111111-2222-3333-4444-555555555555", Time: time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC), Version: "1.08",
		Account: "111122223333", Identity: id, Region: region, Host: host, Outcome: signin.Success,
	}
}

// UserAt returns a successful sign-in of an IAM user through the endpoint of a
// Region. The path begins with a slash and ends with the name.
func UserAt(path, region string) signin.Event {
	id := User()
	id.UserName = path[strings.LastIndexByte(path, '/')+1:]
	id.ARN = "arn:aws:iam::111122223333:user" + path
	return Event(id, region, region+"."+UnprefixedHost)
}

// FailedWithoutARN returns the failed sign-in of the same user. Such records have
// no ARN.
func FailedWithoutARN(e signin.Event) signin.Event {
	e.Identity.ARN, e.Outcome = "", signin.Failure
	return e
}
