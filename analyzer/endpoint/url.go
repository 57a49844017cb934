package endpoint

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"trailgate/ingest/aws/region"
)

// URL is what a sign-in URL promises: the endpoint that a person who opens it
// will probably use, and where the record will be.
type URL struct {
	Host       Host
	Partition  string     // same as Host.Partition
	Scope      Scope      // ScopeUnknown if the URL does not show it
	Endpoint   string     // GlobalName or a Region; empty if AWS chooses the Region or the endpoint is not known
	RecordedIn []string   // Regions in which CloudTrail may file the record, sorted; empty if not known
	Historical bool       // AWS documents the rule that decided, but the console has changed since
	Confidence Confidence // never Certain, because only a record is certain
	Reasons    []string   // in words; never empty
}

// ParseURL applies the documented rules to a sign-in URL, or to a bare host with
// or without a scheme. It reads the URL as the server would. So user information
// and the fragment have no effect, but Reasons mentions them. The error means
// that the text is not an http or https URL with a host. A host outside AWS
// is not an error: the result has a Foreign Host and ScopeUnknown.
//
// The rules are those of the IAM User Guide ("How IAM users sign in to your AWS
// account") and of the CloudTrail User Guide ("AWS Management Console sign-in
// events"). Reasons says which rules are old or contradicted.
func ParseURL(t region.Table, s string) (URL, error) {
	in, err := parseAddress(s)
	if err != nil {
		return URL{}, fmt.Errorf("parse sign-in url %.200q: %w", s, err)
	}
	u := URL{Host: ParseHost(t, in.Host)}
	u.Partition = u.Host.Partition
	v := urlReading{URL: &u, table: t, path: path.Clean("/" + in.Path)}
	v.readQuery(in.Query())
	switch u.Host.Class {
	case Global:
		v.readGlobalHost()
	case Regional:
		v.readRegionalHost()
	case Account:
		v.readAccountHost()
	default:
		v.readForeignHost()
	}
	v.noteIgnoredParts(in)
	slices.Sort(u.RecordedIn)
	u.RecordedIn = slices.Compact(u.RecordedIn)
	return u, nil
}

// parseAddress parses s as a URL. A text without a scheme gets https, as in the address
// bar of a browser. It returns an error unless s is an http or https URL with a host.
func parseAddress(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return nil, errors.New("empty")
	case strings.HasPrefix(s, "//"):
		s = "https:" + s
	case !hasScheme(s):
		s = "https://" + s
	}
	in, err := url.Parse(s)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, err
	}
	if in.Scheme != "https" && in.Scheme != "http" {
		return nil, fmt.Errorf("scheme %.40q: want https", in.Scheme)
	}
	if in.Hostname() == "" {
		return nil, errors.New("no host")
	}
	return in, nil
}

// hasScheme tells whether s starts with a scheme. It looks only before the path,
// because a query may hold a whole URL.
func hasScheme(s string) bool {
	if i := strings.IndexAny(s, "/?#"); i > 0 {
		return s[i-1] == ':' && strings.HasPrefix(s[i:], "//")
	}
	return false
}

// urlReading is the state while one URL is read.
type urlReading struct {
	*URL
	table        region.Table
	path         string        // clean path with a leading slash
	queryRegions string        // the region parameters, joined; empty without them
	queryRegion  region.Region // the Region that they name, if it is in this partition
}

func (v *urlReading) addReason(format string, args ...any) {
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

// setEndpoint sets the endpoint and the confidence, and adds Regions to RecordedIn. In
// partitions other than aws the confidence is always Low.
func (v *urlReading) setEndpoint(scope Scope, name string, c Confidence, recorded ...string) {
	v.Scope, v.Endpoint, v.Confidence = scope, name, c
	v.RecordedIn = append(v.RecordedIn, recorded...)
	if v.Partition != region.AWS {
		v.Confidence = Low
	}
}

// readQuery reads the region parameters of the query into queryRegions. If they name
// one Region of the URL's partition, it also sets queryRegion.
func (v *urlReading) readQuery(query url.Values) {
	var names []string
	for _, value := range query["region"] {
		if value = region.ToLower(strings.TrimSpace(value)); value != "" && !slices.Contains(names, value) {
			names = append(names, value)
		}
	}
	v.queryRegions = strings.Join(names, ", ")
	if r, ok := v.table.Region(v.queryRegions); ok && r.Partition == v.Partition {
		v.queryRegion = r
	}
}

// siteEntry is the part of the sign-in site that a path leads to.
type siteEntry uint8

const (
	console    siteEntry = iota // for IAM users and root: /console, and / which leads there
	saml                        // assertion consumer service
	federation                  // federation endpoint: GetSigninToken and the login behind it
	switchRole                  // switching roles, which is not a sign-in
	other
)

// siteEntry returns where the path leads. For the console it also returns the
// rest of the path.
func (v *urlReading) siteEntry() (siteEntry, string) {
	first, rest, _ := strings.Cut(v.path[1:], "/")
	switch first {
	case "", "console":
		return console, rest
	case "saml":
		return saml, rest
	case "platform":
		if strings.HasPrefix(rest, "saml") {
			return saml, rest
		}
	case "federation":
		return federation, rest
	case "switchrole":
		return switchRole, rest
	}
	return other, rest
}

// decideByQuery sets the endpoint of a console URL whose query names a Region, and
// adds the reasons. If the query names a Region that is not known, the endpoint is
// unknown. It returns false and changes nothing if the query does not name a Region.
func (v *urlReading) decideByQuery() bool {
	switch {
	case v.queryRegions == "":
		return false
	case v.queryRegion.Name == "":
		v.setEndpoint(ScopeUnknown, "", Low)
		v.addReason("The query asks for region %+.120q, which is not one Region of partition %s in the table. "+
			"The behaviour of the sign-in site is then not known.", v.queryRegions, v.Partition)
	default:
		v.setEndpoint(ScopeRegional, v.queryRegion.Name, High, v.queryRegion.Name)
		v.addReason("The query asks for region %+q. The user is sent to the sign-in endpoint of %s, and the record %s there.",
			v.queryRegions, v.queryRegion.Name, v.liesOrShould())
		v.addReason("The IAM User Guide documents the region parameter. In a field test of January 2025 it worked.")
		v.rootCaveat()
	}
	return true
}

func (v *urlReading) readGlobalHost() {
	home := v.table.Default(v.Partition)
	where, _ := v.siteEntry()
	switch where {
	case switchRole:
		v.readRoleSwitch()
	case saml:
		v.setEndpoint(ScopeGlobal, GlobalName, High, home)
		v.addReason("%+q is %s, and an identity provider posts its SAML assertion to this path. The sign-in comes through "+
			"the global endpoint.", v.Host.Name, describeBareHost(v.Partition))
		v.addReason("AWS does not document where such a sign-in is recorded. The one published record of this kind is in us-east-1.")
	case federation:
		v.setEndpoint(ScopeGlobal, GlobalName, Low, home)
		v.addReason("%+q is %s, and the path is the federation endpoint.", v.Host.Name, describeBareHost(v.Partition))
		v.addReason("AWS's sample of a federated sign-in names the host us-east-1.signin.aws.amazon.com. So the record "+
			"may show the endpoint of %s instead of the global endpoint.", home)
	default:
		if where == console && v.decideByQuery() {
			break
		}
		v.setEndpoint(ScopeGlobal, GlobalName, High, home)
		v.addReason("%+q is %s: the global endpoint, %srecorded in %s.", v.Host.Name, describeBareHost(v.Partition), v.expectedTo(), home)
		if v.Partition == region.AWS {
			v.RecordedIn = append(v.RecordedIn, ProxiedRegions()...)
			v.addReason("If the browser of an IAM user holds an account-alias cookie, the sign-in may be served and recorded in us-east-2, " +
				"eu-north-1 or ap-southeast-2, whichever answers fastest. Without the cookie it is us-east-1 " +
				"(CloudTrail User Guide, since about 2024; the text of 2023 always names us-east-1).")
			v.addReason("AWS documents that the root user is recorded in us-east-1.")
		}
		v.addReason("%s", BareReason(v.Partition))
	}
	v.admitInference()
}

func (v *urlReading) readRegionalHost() {
	named := v.Host.Region
	where, _ := v.siteEntry()
	if where == switchRole {
		v.readRoleSwitch()
		return
	}
	v.setEndpoint(ScopeRegional, named, High, named)
	v.addReason("%+q is the sign-in host of %s. The sign-in comes through that Region's endpoint, and the record %s there.", v.Host.Name, named, v.liesOrShould())
	switch where {
	case saml:
		v.addReason("An identity provider posts its SAML assertion to this path. AWS does not document where such a " +
			"sign-in is recorded. Trailgate assumes the Region of the host.")
	case federation:
		v.addReason("The path is the federation endpoint. AWS does not document where such a sign-in is recorded. In its " +
			"sample, the host and the recorded Region agree.")
	case console:
		if v.queryRegions != "" && v.queryRegion.Name != named {
			v.Confidence = Low
			v.addReason("The query asks for region %+.120q, which is not the Region of the host. AWS does not document which of the two decides.", v.queryRegions)
			if v.queryRegion.Name != "" {
				v.RecordedIn = append(v.RecordedIn, v.queryRegion.Name)
			}
		}
		if v.Partition == region.AWS {
			v.addReason("A field report of January 2025 contradicts this. An IAM user typed the host of us-west-1 and was " +
				"recorded in us-east-2. The Region shows which endpoint served the user, not what the user typed.")
		}
		v.rootCaveat()
	}
	v.admitInference()
}

func (v *urlReading) readAccountHost() {
	v.describeLabel()
	where, rest := v.siteEntry()
	service, _, _ := strings.Cut(rest, "/")
	switch {
	case where == switchRole:
		v.readRoleSwitch()
	case where != console:
		v.setEndpoint(ScopeUnknown, "", Low)
		v.addReason("Trailgate knows no rule for the path %+.120q on an account's sign-in host.", v.path)
	case v.decideByQuery():
	case v.Partition != region.AWS:
		v.setEndpoint(ScopeUnknown, "", Low)
		for _, r := range v.table.Regions(v.Partition) {
			v.RecordedIn = append(v.RecordedIn, r.Name)
		}
		v.addReason("AWS documents the endpoint of an account's sign-in URL for the commercial partition only.")
	case hadNoRegion(service):
		v.setEndpoint(ScopeGlobal, GlobalName, Low, append(ProxiedRegions(), v.table.Default(region.AWS))...)
		v.Historical = true
		v.addReason("The URL leads to the %s console. According to the IAM User Guide, a sign-in for a console that is not "+
			"regional comes through the global endpoint and is recorded in us-east-1.", service)
		v.addReason("That rule is historical. The guide's text dates from 2017 and its example is S3, but the S3 console has become " +
			"regional since. According to the present CloudTrail User Guide the record may also be in us-east-2, eu-north-1 or ap-southeast-2.")
	default:
		v.setEndpoint(ScopeRegional, "", Low, append(ProxiedRegions(), v.table.Default(region.AWS))...)
		v.addReason("An account's sign-in URL without a region parameter leads to a regional endpoint. The Region is " +
			"AWS's choice (IAM User Guide).")
		v.addReason("According to the CloudTrail User Guide (since about 2024) it is us-east-2, eu-north-1 or ap-southeast-2, whichever " +
			"answers fastest, if the browser holds an account-alias cookie. Without the cookie the user comes to the global " +
			"endpoint and is recorded in us-east-1.")
		if isAccountID(v.Host.Label) {
			v.addReason("AWS does not document whether a URL with the account's number sets that cookie. In a field report of August " +
				"2024 such a sign-in was recorded in ap-southeast-2.")
		}
		v.addReason("To choose the Region, add ?region=REGION to the URL.")
	}
	v.admitInference()
}

// describeLabel says how the label of an account host is understood.
func (v *urlReading) describeLabel() {
	switch label := v.Host.Label; {
	case isAccountID(label):
		v.addReason("%+q is the sign-in page of account %s: it redirects the browser and is not an endpoint itself.", v.Host.Name, label)
	case v.table.Known(label):
		v.addReason("%+q names Region %s, which is not in partition %s. Trailgate takes it for an account alias.", v.Host.Name, label, v.Partition)
	case region.HasShape(label):
		v.addReason("%+q looks like a Region's host, but the table has no Region %+q. Trailgate takes it for an account alias. If it "+
			"is a new Region, add it with a regions file.", v.Host.Name, label)
	case strings.Contains(label, "."):
		v.addReason("%+q is below the sign-in domain of partition %s, but it is not the host of a Region, nor like the host of an account.",
			v.Host.Name, v.Partition)
	default:
		v.addReason("%+q is the sign-in page of the account with the alias %+q: it redirects the browser and is not an endpoint itself.",
			v.Host.Name, label)
	}
}

func (v *urlReading) readForeignHost() {
	v.setEndpoint(ScopeUnknown, "", Low)
	switch v.Host.Service {
	case Console:
		v.addReason("%+q is the console itself. A person goes there after the sign-in. The URL does not show which endpoint "+
			"serves a person who is not signed in yet.", v.Host.Name)
	case Portal:
		v.addReason("%+q belongs to the Identity Center access portal, not to the console's sign-in endpoints. People who open the "+
			"console from it have been seen at the regional endpoint of the home Region of Identity Center.", v.Host.Name)
	case OAuth:
		v.addReason("%+q is a token or control-plane host of AWS Sign-In, not an endpoint for console sign-ins.", v.Host.Name)
	default:
		v.addReason("%+.300q is not under the sign-in domain of any partition, so it is not an AWS sign-in endpoint. If it leads to one anyway, "+
			"it is a proxy between the user and AWS, and it sees the password.", v.Host.Name)
	}
}

func (v *urlReading) readRoleSwitch() {
	v.setEndpoint(ScopeUnknown, "", Low)
	v.addReason("A switch of roles is recorded as SwitchRole in the account of the role. It is not a console sign-in (ConsoleLogin).")
}

func (v *urlReading) rootCaveat() {
	if v.Partition == region.AWS {
		v.addReason("The root user is an exception. AWS documents that root is recorded in us-east-1 for every URL.")
	}
}

// admitInference says that a statement is inferred from the commercial partition.
func (v *urlReading) admitInference() {
	if v.Partition != region.AWS && v.Scope != ScopeUnknown {
		v.addReason("No sign-in record of partition %s has been published. These statements assume that it works like the commercial "+
			"partition.", v.Partition)
	}
}

// expectedTo returns the words before a statement that AWS documents for the
// commercial partition only.
func (v *urlReading) expectedTo() string {
	if v.Partition == region.AWS {
		return ""
	}
	return "expected to be "
}

func (v *urlReading) liesOrShould() string {
	if v.Partition == region.AWS {
		return "is"
	}
	return "is expected to be"
}

// noteIgnoredParts names the parts of the URL that were not used.
func (v *urlReading) noteIgnoredParts(in *url.URL) {
	if in.User != nil {
		v.addReason("The text before the @ is user information, not the host. The browser goes to %+.300q.", v.Host.Name)
	}
	if strings.Contains(in.Fragment, "region=") && v.Host.Service == SignIn {
		v.addReason("The region behind the # has no effect, because a browser does not send it to the sign-in site.")
	}
}

// hadNoRegion tells whether a console had no Region when the rule about such
// consoles was written. S3 is the example of the guide. The other services follow
// from the same rule.
func hadNoRegion(service string) bool {
	switch service {
	case "s3", "iam", "route53", "cloudfront", "billing", "organizations":
		return true
	}
	return false
}

func isAccountID(label string) bool {
	return len(label) == 12 && !strings.ContainsFunc(label, func(c rune) bool { return c < '0' || c > '9' })
}
