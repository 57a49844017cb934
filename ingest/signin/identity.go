package signin

import (
	"cmp"
	"strings"
)

// Hidden is what CloudTrail writes in place of a user name that does not exist.
// The text may be a password that was typed into the wrong field (CloudTrail User
// Guide, "AWS Management Console sign-in events").
const Hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// The identity types that Trailgate distinguishes, as CloudTrail spells them.
const (
	TypeIAMUser       = "IAMUser"
	TypeRoot          = "Root"
	TypeAssumedRole   = "AssumedRole"
	TypeFederatedUser = "FederatedUser"
)

// idcPath is the path of the roles that IAM Identity Center creates. idcName is
// the prefix of their names (IAM Identity Center User Guide, "Referencing
// permission sets in resource policies").
const (
	idcPath = "aws-reserved/sso.amazonaws.com/"
	idcName = "AWSReservedSSO_"
)

// Identity holds userIdentity as recorded.
type Identity struct {
	Type        string
	Account     string // accountId
	ARN         string
	PrincipalID string
	UserName    string
	IssuerARN   string // sessionContext.sessionIssuer.arn: the role, path included
}

// RoleName returns the name of the assumed role without its path. It returns ""
// if the session does not have a role.
func (id Identity) RoleName() string {
	if role, _, ok := id.assumedRole(); ok {
		return role
	}
	if id.Type != TypeAssumedRole {
		return ""
	}
	return afterLast(arnResource(id.IssuerARN, "role/"), '/')
}

// SessionName returns the name of the role session, or "". It comes from the ARN.
// Without an ARN it comes from the principal id, which is ROLEID:SESSION.
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

// IdentityCenter tells whether IAM Identity Center created the role. The path in
// the session issuer's ARN decides. If the record has no such ARN, the reserved
// prefix of the name decides.
func (id Identity) IdentityCenter() bool {
	if id.Type != TypeAssumedRole {
		return false
	}
	if path := arnResource(id.IssuerARN, "role/"); path != "" {
		return strings.HasPrefix(path, idcPath)
	}
	return strings.HasPrefix(id.RoleName(), idcName)
}

// IdentityCenterHome returns the Region in the path of an Identity Center role.
// It returns "" if the record has no path or the path has no Region. The path has
// no Region if the home is us-east-1 (IAM Identity Center User Guide,
// "Referencing permission sets in resource policies").
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

// HomeRegion returns the home Region of a role for which IdentityCenter is true, or
// "" if the record does not show it. The partition is that of the sign-in ("aws",
// "aws-cn"). A path without a Region means us-east-1 (IAM Identity Center User
// Guide, "Referencing permission sets in resource policies"). The guide says so for
// the commercial partition only.
func (id Identity) HomeRegion(partition string) string {
	if home := id.IdentityCenterHome(); home != "" {
		return home
	}
	if id.IssuerARN == "" || partition != "aws" {
		return ""
	}
	return "us-east-1"
}

// Federated tells whether the password was checked outside IAM: the type is neither
// IAMUser nor Root. AWS cannot see the second factor of such a person.
func (id Identity) Federated() bool { return id.Type != TypeIAMUser && id.Type != TypeRoot }

// Partition returns the partition in the ARNs, such as "aws", or "" if there is no
// ARN.
func (id Identity) Partition() string {
	for _, arn := range [...]string{id.ARN, id.IssuerARN} {
		if strings.HasPrefix(arn, "arn:") && strings.Count(arn, ":") > 1 {
			return arnPart(arn, 1)
		}
	}
	return ""
}

// ownerAccount returns the account of the identity. Without one it takes the
// account in the ARNs. It is "" if there is none either.
func (id Identity) ownerAccount() string {
	if id.Account != "" {
		return id.Account
	}
	return cmp.Or(arnPart(id.ARN, 4), arnPart(id.IssuerARN, 4))
}

// assumedRole splits an assumed-role ARN into the role and the session, whose name
// has no slash. It reports false if the ARN is not of this form.
func (id Identity) assumedRole() (role, session string, ok bool) {
	rest := arnResource(id.ARN, "assumed-role/")
	role, session, ok = strings.Cut(rest, "/")
	return role, session, ok && role != ""
}

// Principal returns the key of the person. It is the same for successes and
// failures:
//
//	ACCOUNT/user/NAME            an IAM user, without the path: names are unique in an account
//	ACCOUNT/role/ROLE/SESSION    a role session
//	identity-center/SESSION      an Identity Center user, the same in all accounts
//	ACCOUNT/federated/NAME       a federated user
//	ACCOUNT/root                 the root user
//	ACCOUNT/unknown              the name is hidden or absent
func (e Event) Principal() string {
	key, _ := e.principalKey()
	return key
}

// Named tells whether the record names a person. Sign-ins with the same key then
// belong to the same person.
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

// federatedName returns the name of a federated user, or "" for any other type. It
// comes from the ARN, else from the principal id of a FederatedUser, else from
// userName.
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

// arnResource returns the text after kind in the resource part of an ARN, or "".
func arnResource(arn, kind string) string {
	rest, ok := strings.CutPrefix(arnPart(arn, 5), kind)
	if !ok {
		return ""
	}
	return rest
}

// arnPart returns the nth part of an ARN, counted from 0, or "" if it is missing.
// The fifth part is the resource. It is the last one and may contain colons.
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
