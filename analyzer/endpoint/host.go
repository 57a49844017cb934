package endpoint

import (
	"strings"

	"trailgate/ingest/aws/region"
)

// Class says what role a host has in a console sign-in.
type Class uint8

// The classes of a host.
const (
	Absent   Class = iota // the record names no host
	Global                // the un-prefixed sign-in host of a partition, or its FIPS form
	Regional              // the sign-in host of a Region in the table
	Account               // below a sign-in domain, with an account id, an alias or another label that is not a Region
	Foreign               // not under the sign-in domain of any partition
)

// String gives the class as a word.
func (c Class) String() string {
	switch c {
	case Global:
		return "global"
	case Regional:
		return "regional"
	case Account:
		return "account"
	case Foreign:
		return "foreign"
	}
	return "absent"
}

// Service says what AWS uses a host for. It separates the Foreign hosts of AWS
// from those of others.
type Service uint8

// The services.
const (
	NoService Service = iota // not known as a host of AWS
	SignIn                   // console sign-in: Global, Regional and Account hosts
	Console                  // the console itself, which opens after a sign-in
	Portal                   // the Identity Center access portal and its sign-in pages
	OAuth                    // token and control-plane hosts of AWS Sign-In
)

// String gives the service as a phrase.
func (s Service) String() string {
	switch s {
	case SignIn:
		return "console sign-in"
	case Console:
		return "console"
	case Portal:
		return "Identity Center access portal"
	case OAuth:
		return "AWS Sign-In token service"
	}
	return "none"
}

// Host is a parsed host name. The zero Host is Absent.
type Host struct {
	Class     Class
	Service   Service
	Name      string // small letters, no port, no trailing dot; unchanged if it is not a host name
	Partition string // set for Global, Regional and Account
	Region    string // set for Regional
	Label     string // set for Account: the text before the sign-in domain; may have dots
	FIPS      bool   // set for Global and Regional: the host is the FIPS name
}

// ParseHost classifies the value of a Host header. This is a name in any letter
// case, which may have a port and a trailing dot. Every text has a class. The
// Region label is looked up in the table, not recognised by its shape, because an
// account alias may look like a Region. A text that is not a host name is
// Foreign: one with spaces, user information, empty labels or letters outside
// ASCII.
func ParseHost(t region.Table, s string) Host {
	if s == "" {
		return Host{}
	}
	name, ok := normalizeHost(s)
	if !ok {
		return Host{Class: Foreign, Name: s}
	}
	for i := range signInDomains {
		p := &signInDomains[i]
		if rest, ok := strings.CutSuffix(name, p.root); ok && strings.HasSuffix(rest, ".") {
			if h, ok := classifyBelowRoot(t, p, rest[:len(rest)-1]); ok {
				h.Name = name
				return h
			}
		}
	}
	if h, ok := parseFallbackHost(t, name); ok {
		return h
	}
	return Host{Class: Foreign, Name: name, Service: knownService(t, name)}
}

// classifyBelowRoot classifies a host whose name ends with p.root. rest is the part
// before the root domain, without the dot. The result has no Name. It returns false if
// the host is neither a sign-in host nor a host of the console.
func classifyBelowRoot(t region.Table, p *signInDomain, rest string) (Host, bool) {
	label, service := "", rest
	if i := strings.LastIndexByte(rest, '.'); i >= 0 {
		label, service = rest[:i], rest[i+1:]
	}
	fips := service == "signin-fips" && p.fips
	switch {
	case service == "console":
		return Host{Class: Foreign, Service: Console}, true
	case service != "signin" && !fips:
		return Host{}, false
	case label == "":
		return Host{Class: Global, Service: SignIn, Partition: p.partition, FIPS: fips}, true
	}
	if r, ok := t.Region(label); ok && r.Partition == p.partition {
		return Host{Class: Regional, Service: SignIn, Partition: p.partition, Region: r.Name, FIPS: fips}, true
	}
	return Host{Class: Account, Service: SignIn, Partition: p.partition, Label: label}, true
}

// parseFallbackHost recognises signin.REGION.SUFFIX and signin-fips.REGION.SUFFIX as
// Regional hosts. SUFFIX is the DNS suffix of API endpoints. The endpoint rules of the
// SDK use this form as a fallback. It returns false for any other name.
func parseFallbackHost(t region.Table, name string) (Host, bool) {
	service, rest, _ := strings.Cut(name, ".")
	if service != "signin" && service != "signin-fips" {
		return Host{}, false
	}
	label, suffix, _ := strings.Cut(rest, ".")
	r, ok := t.Region(label)
	if !ok || findDomain(r.Partition).suffix != suffix {
		return Host{}, false
	}
	return Host{
		Class: Regional, Service: SignIn, Name: name,
		Partition: r.Partition, Region: r.Name, FIPS: service == "signin-fips",
	}, true
}

// knownService recognises hosts of AWS that belong to a sign-in but are not
// console sign-in endpoints. It returns NoService for any other host. The source is
// the list of domains to allow in the AWS Sign-In User Guide, and the SDK's endpoint
// rules for the sign-in service.
func knownService(t region.Table, name string) Service {
	if rest, ok := strings.CutPrefix(name, "signin."); ok {
		label, suffix, _ := strings.Cut(rest, ".")
		if t.Known(label) && (suffix == "api.aws" || suffix == "api.amazonwebservices.com.cn") {
			return OAuth
		}
	}
	if isWithinDomain(name, "signin.aws") {
		if strings.HasSuffix(name, ".oauth.signin.aws") {
			return OAuth
		}
		return Portal
	}
	for _, domain := range [...]string{"awsapps.com", "awsapps.cn", "portal.amazonaws.com", "app.aws"} {
		if isWithinDomain(name, domain) {
			return Portal
		}
	}
	return NoService
}

// isWithinDomain tells whether a host is a domain or a name below it.
func isWithinDomain(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// normalizeHost removes the port and the trailing dot and makes letters small. It
// returns false if the text is not a host name.
func normalizeHost(s string) (string, bool) {
	if name, port, ok := strings.Cut(s, ":"); ok {
		if len(port) > 5 || strings.ContainsFunc(port, func(c rune) bool { return c < '0' || c > '9' }) {
			return "", false
		}
		s = name
	}
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return "", false
	}
	label := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if label == 0 {
				return "", false
			}
			label = 0
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			if label++; label > 63 {
				return "", false
			}
		default:
			return "", false
		}
	}
	return region.ToLower(s), label > 0
}
