package signin

import (
	"cmp"
	"strings"
)

// Hidden is what CloudTrail writes in place of a user name that does not
// exist, since the text may be a password typed into the wrong field
// (CloudTrail User Guide, "AWS Management Console sign-in events").
const Hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// The identity types that Trailgate treats apart, as CloudTrail spells them.
const (
	TypeIAMUser       = "IAMUser"
	TypeRoot          = "Root"
	TypeAssumedRole   = "AssumedRole"
	TypeFederatedUser = "FederatedUser"
)

// idcPath is the path of the roles that IAM Identity Center makes, and
// idcName the prefix of their names (IAM Identity Center User Guide,
// "Referencing permission sets in resource policies").
const (
	idcPath = "aws-reserved/sso.amazonaws.com/"
	idcName = "AWSReservedSSO_"
)

// Identity is userIdentity as recorded.
type Identity struct {
	Type        string
	Account     string // accountId
	ARN         string
	PrincipalID string
	UserName    string
	IssuerARN   string // sessionContext.sessionIssuer.arn: the role, path included
}

// RoleName is the name of the assumed role, without its path, or empty.
func (id Identity) RoleName() string {
	if role, _, ok := id.assumedRole(); ok {
		return role
	}
	if id.Type != TypeAssumedRole {
		return ""
	}
	return afterLast(arnResource(id.IssuerARN, "role/"), '/')
}

// SessionName is the name of the role session, or empty. The ARN tells it;
// without one the principal id does, which is ROLEID:SESSION.
func (id Identity) SessionName() string {
	if _, session, ok := id.assumedRole(); ok {
		return session
	}
	if id.Type != TypeAssumedRole {
		return ""
	}
	_, session, _ := strings.Cut(id.PrincipalID, ":")
	return session
}

// IdentityCenter tells whether the role is one that IAM Identity Center made.
// The session issuer's ARN, which has the role's path, decides; where the
// record has none, the reserved prefix of the name does.
func (id Identity) IdentityCenter() bool {
	if id.Type != TypeAssumedRole {
		return false
	}
	if path := arnResource(id.IssuerARN, "role/"); path != "" {
		return strings.HasPrefix(path, idcPath)
	}
	return strings.HasPrefix(id.RoleName(), idcName)
}

// IdentityCenterHome is the Region that an Identity Center role's path names,
// or empty where the record has no path or the path no Region. Identity Center
// leaves the Region out when it lives in us-east-1 (IAM Identity Center User
// Guide, "Referencing permission sets in resource policies").
func (id Identity) IdentityCenterHome() string {
	rest, ok := strings.CutPrefix(arnResource(id.IssuerARN, "role/"), idcPath)
	if !ok {
		return ""
	}
	region, _, ok := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return region
}

// HomeRegion gives the home Region of an Identity Center role, or "" where the
// record does not tell it. The partition is that of the sign-in ("aws", "aws-cn").
// A path without a Region means us-east-1 (IAM Identity Center User Guide,
// "Referencing permission sets in resource policies"). The guide says so for the
// commercial partition only.
func (id Identity) HomeRegion(partition string) string {
	if home := id.IdentityCenterHome(); home != "" {
		return home
	}
	if id.IssuerARN == "" || partition != "aws" {
		return ""
	}
	return "us-east-1"
}

// Federated tells whether somebody other than IAM's own password check let
// the person in, so that AWS cannot see their second factor.
func (id Identity) Federated() bool { return id.Type != TypeIAMUser && id.Type != TypeRoot }

// Partition is the partition that the ARNs name, or empty.
func (id Identity) Partition() string {
	for _, arn := range [...]string{id.ARN, id.IssuerARN} {
		if strings.HasPrefix(arn, "arn:") && strings.Count(arn, ":") > 1 {
			return arnPart(arn, 1)
		}
	}
	return ""
}

// ownerAccount is the account that the identity belongs to, or empty.
func (id Identity) ownerAccount() string {
	if id.Account != "" {
		return id.Account
	}
	return cmp.Or(arnPart(id.ARN, 4), arnPart(id.IssuerARN, 4))
}

// assumedRole takes an assumed-role ARN apart. Session names have no slash.
func (id Identity) assumedRole() (role, session string, ok bool) {
	rest := arnResource(id.ARN, "assumed-role/")
	role, session, ok = strings.Cut(rest, "/")
	return role, session, ok && role != ""
}

// Principal is the key of the person, the same for successes and failures:
//
//	ACCOUNT/user/NAME            an IAM user, the path left out: names are unique in an account
//	ACCOUNT/role/ROLE/SESSION    a role session
//	identity-center/SESSION      an Identity Center user, whatever the account
//	ACCOUNT/federated/NAME       a federated user
//	ACCOUNT/root                 the root user
//	ACCOUNT/unknown              hidden or absent: nobody to name
func (e Event) Principal() string {
	key, _ := e.principalKey()
	return key
}

// Named tells whether there is a principal to name, so that sign-ins of the
// same key are the same person's.
func (e Event) Named() bool {
	_, named := e.principalKey()
	return named
}

func (e Event) principalKey() (key string, named bool) {
	id := e.Identity
	account := id.ownerAccount()
	if account == "" {
		account = e.Account
	}
	switch id.Type {
	case TypeRoot:
		return account + "/root", true
	case TypeIAMUser:
		name := id.UserName
		if name == "" {
			name = afterLast(arnResource(id.ARN, "user/"), '/')
		}
		if name != "" && name != Hidden {
			return account + "/user/" + name, true
		}
	case TypeAssumedRole:
		role, session := id.RoleName(), id.SessionName()
		if session != "" && id.IdentityCenter() {
			return "identity-center/" + session, true
		}
		if role != "" && session != "" {
			return account + "/role/" + role + "/" + session, true
		}
	default:
		if name := id.federatedName(); name != "" && name != Hidden {
			return account + "/federated/" + name, true
		}
	}
	return account + "/unknown", false
}

// federatedName is the name of a federated user: from the ARN, else from
// userName, which SAMLUser and WebIdentityUser have instead.
func (id Identity) federatedName() string {
	switch id.Type {
	case TypeFederatedUser, "SAMLUser", "WebIdentityUser":
	default:
		return ""
	}
	if name := arnResource(id.ARN, "federated-user/"); name != "" {
		return name
	}
	if _, name, ok := strings.Cut(id.PrincipalID, ":"); ok && id.Type == TypeFederatedUser {
		return name
	}
	return id.UserName
}

// arnResource is what follows kind in an ARN's resource part, or empty.
func arnResource(arn, kind string) string {
	rest, ok := strings.CutPrefix(arnPart(arn, 5), kind)
	if !ok {
		return ""
	}
	return rest
}

// arnPart is the nth part of an ARN, counted from 0; the fifth, the resource,
// is the last and may have colons of its own. Empty if there is none.
func arnPart(arn string, n int) string {
	for range n {
		_, rest, ok := strings.Cut(arn, ":")
		if !ok {
			return ""
		}
		arn = rest
	}
	if n < 5 {
		arn, _, _ = strings.Cut(arn, ":")
	}
	return arn
}

func afterLast(s string, sep byte) string { return s[strings.LastIndexByte(s, sep)+1:] }
