package analyzer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// Explain explains a verdict of the zero Classifier.
func Explain(e signin.Event, v Verdict) []string { return Classifier{}.Explain(e, v) }

// Explain explains a verdict in words: what it is, why, and what could be true
// instead. v must be the verdict of this Classifier on e. Each element of the
// result holds one or more sentences, and there is at least one element. Text of
// the record is quoted, so that control characters cannot reach a terminal.
func (c Classifier) Explain(e signin.Event, v Verdict) []string {
	w := explainer{
		table: c.Table, e: &e, v: v,
		host: endpoint.ParseHost(c.Table, e.Host), at: c.locateRegion(e.Region), home: c.Table.Default(v.Partition),
	}
	w.explainVerdict()
	w.explainBasis()
	w.explainRegion()
	w.explainUnused()
	w.explainIdentityCenter()
	w.explainProxy()
	w.explainAlternative()
	return w.out
}

// explainer collects the sentences of one explanation.
type explainer struct {
	table region.Table
	e     *signin.Event
	v     Verdict
	host  endpoint.Host
	at    location
	home  string // default Region of the verdict's partition
	out   []string
}

func (w *explainer) addSentence(format string, args ...any) {
	w.out = append(w.out, fmt.Sprintf(format, args...))
}

func (w *explainer) explainVerdict() {
	what := "The sign-in"
	if w.e.Outcome == signin.Failure {
		what = "The failed sign-in"
	}
	switch w.v.Scope {
	case ScopeGlobal:
		w.addSentence("%s came through the global endpoint (confidence: %s).", what, w.v.Confidence)
	case ScopeRegional:
		w.addSentence("%s came through the regional endpoint of %s (confidence: %s).", what, w.v.Endpoint, w.v.Confidence)
	default:
		w.addSentence("The record does not show which endpoint %s came through.", lowerFirst(what))
	}
}

// explainBasis names the part of the record that decided, or says why no part
// could.
func (w *explainer) explainBasis() {
	switch w.v.Basis {
	case BasisHost:
		kind := "the un-prefixed sign-in host of partition " + w.v.Partition
		if endpoint.BareStanding(w.v.Partition) == endpoint.Assumed {
			kind = "the bare sign-in domain of partition " + w.v.Partition
		}
		if w.v.Scope == ScopeRegional {
			kind = "the sign-in host of that Region"
		}
		if w.host.FIPS {
			kind += ", under its FIPS name"
		}
		w.addSentence("The browser asked for the host %+q (tlsDetails.clientProvidedHostHeader), which is %s.", w.e.Host, kind)
	case BasisMarker:
		w.addSentence("awsRegion is %q, which is not a Region. EventBridge copies of sign-ins at the global endpoint have been seen with this value.", w.e.Region)
	case BasisRegion:
		w.addSentence("awsRegion is %q, which is not the default Region of partition %s (%s). Only sign-ins at a regional endpoint are recorded there.",
			w.e.Region, w.v.Partition, w.home)
	case BasisIdentity:
		w.addSentence("This is the root user, recorded in %s, the default Region of partition %s: %s.", w.home, w.v.Partition, w.rootRule())
	default:
		w.explainUnknown()
	}
}

func (w *explainer) explainUnknown() {
	switch {
	case w.at.absent:
		w.addSentence("The record has no awsRegion and no usable host.")
	case w.at.isOdd():
		w.addSentence("The record has no usable host, and its awsRegion does not decide.")
	default:
		w.addSentence("awsRegion is %q, the default Region of partition %s. Sign-ins at the global endpoint and at the Region's own endpoint "+
			"are both recorded there. Only the host could tell them apart.", w.e.Region, w.v.Partition)
	}
}

// documentedFor returns the word for a rule that AWS documents for the commercial
// partition only.
func documentedFor(partition string) string {
	if partition == region.AWS {
		return "documented"
	}
	return "expected"
}

// rootRule says why a root sign-in counts as one at the global endpoint.
func (w *explainer) rootRule() string {
	if w.v.Partition == region.AWS {
		return "AWS documents that root signs in through the global endpoint"
	}
	return "root is assumed to sign in through the global endpoint, as in the commercial partition"
}

// explainRegion says whether awsRegion agrees with the verdict.
func (w *explainer) explainRegion() {
	if w.at.isOdd() {
		w.addSentence("awsRegion %q is not a Region in the table. It may be a new Region, which a regions file can add, or altered data.", w.e.Region)
	}
	if w.v.Basis != BasisHost {
		return
	}
	switch {
	case w.at.absent:
		w.addSentence("The record has no awsRegion to compare with.")
	case !w.v.Has(RegionMismatch):
		w.addSentence("awsRegion %q agrees.", w.e.Region)
	case w.v.Scope == ScopeGlobal:
		w.addSentence("awsRegion %q disagrees: sign-ins at this host are %s to be recorded in %s. The verdict follows the host, because "+
			"the browser asked for it. A published root record of 2022 disagrees in the same way.", w.e.Region, documentedFor(w.v.Partition), w.home)
	default:
		w.addSentence("awsRegion %q disagrees. The verdict follows the host, because the browser asked for it. No published record is like this.", w.e.Region)
	}
}

// explainUnused says why the host did not decide, and why LoginTo is not used.
func (w *explainer) explainUnused() {
	switch w.host.Class {
	case endpoint.Absent:
		w.addSentence("%s", w.missingEvidence())
	case endpoint.Account:
		w.addSentence("The host %+q is below the sign-in domain of partition %s. Its label is an account id or alias, not a Region "+
			"in the table. Such a host redirects the browser, so it was not used.", w.e.Host, w.host.Partition)
	case endpoint.Foreign:
		if w.host.Service != endpoint.NoService {
			w.addSentence("The host %+q belongs to AWS (%s), but it is not a console sign-in endpoint, so it was not used.", w.e.Host, w.host.Service)
			break
		}
		w.addSentence("The host %+q is not under the sign-in domain of any partition, so it was not used. A reverse proxy between the "+
			"user and AWS looks like this. Such a proxy may be set up to steal passwords.", w.e.Host)
	}
	if w.v.Scope == ScopeUnknown && w.e.LoginTo != "" {
		w.addSentence("additionalEventData.LoginTo names the console to be opened, not the endpoint, so it was not used.")
	}
}

// missingEvidence says why a record may lack the host.
func (w *explainer) missingEvidence() string {
	major, minor, _ := strings.Cut(w.e.Version, ".")
	n, err := strconv.Atoi(minor)
	switch {
	case major != "1" || err != nil:
		return "The record names no host (tlsDetails.clientProvidedHostHeader)."
	case n < 8:
		return fmt.Sprintf("The record names no host: its eventVersion %q is older than tlsDetails, which came with 1.08.", w.e.Version)
	}
	return fmt.Sprintf("The record names no host, though eventVersion %q may have tlsDetails. AWS omits the field if a "+
		"service or a proxying console client made the call. An export may also remove it.", w.e.Version)
}

// explainIdentityCenter says what the home Region of an Identity Center role is, and
// whether the sign-in fits it. It compares the home with the endpoint of the verdict, or
// with awsRegion if the endpoint is not known.
func (w *explainer) explainIdentityCenter() {
	id := w.e.Identity
	if !id.IdentityCenter() {
		return
	}
	home := id.IdentityCenterHome()
	switch {
	case home != "":
		w.addSentence("The role belongs to Identity Center, and its path names %q as the home Region.", home)
	case id.IssuerARN == "":
		w.addSentence("The role belongs to Identity Center, but the record does not have its path, which would name the home Region.")
		return
	case w.v.Partition != region.AWS:
		w.addSentence("The role belongs to Identity Center, and its path names no home Region.")
		return
	default:
		home = w.home
		w.addSentence("The role belongs to Identity Center, and its path names no home Region, which is documented to mean %s.", home)
	}
	w.addSentence("Such sign-ins have been seen at the regional endpoint of the home Region. AWS does not document this.")
	region, _ := w.table.Region(home)
	switch {
	case w.v.Scope == ScopeUnknown && w.at.isKnown() && region.Name == w.at.Name:
		w.addSentence("So this was probably the regional endpoint of %s. The federation endpoint and SAML sign-ins are recorded "+
			"there as well, so this is not certain enough for a verdict.", region.Name)
	case w.v.Scope == ScopeGlobal, w.v.Scope == ScopeRegional && region.Name != w.v.Endpoint:
		w.addSentence("This sign-in came through a different endpoint. Check it, unless the instance is replicated to other Regions.")
	}
}

// aliasRule is the approximate time at which the account-alias rule entered the
// CloudTrail User Guide. The exact day is not known.
func aliasRule() time.Time { return time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC) }

// explainProxy explains what an IAM user at one of the three proxied Regions may
// mean.
func (w *explainer) explainProxy() {
	if !w.v.Has(MaybeProxied) {
		return
	}
	w.addSentence("The user may have typed the global URL. If the browser holds an account-alias cookie, the console serves IAM users " +
		"from us-east-2, eu-north-1 or ap-southeast-2, whichever answers fastest. For IAM users, treat the three as one endpoint, and as the global one.")
	if !w.e.Time.IsZero() && w.e.Time.Before(aliasRule()) {
		w.addSentence("AWS has documented this since about 2024. For a sign-in of %d its documentation said that the global endpoint is "+
			"recorded in us-east-1, but records like this one exist from 2023.", w.e.Time.UTC().Year())
	}
}

// explainAlternative says what else could be true.
func (w *explainer) explainAlternative() {
	switch {
	case w.v.Basis == BasisHost && w.v.Scope == ScopeGlobal:
		w.addSentence("%s", endpoint.BareReason(w.v.Partition))
	case w.v.Basis == BasisIdentity:
		w.addSentence("A root record of 2022 in another Region shows that the rule has exceptions.")
	case w.v.Basis == BasisRegion && w.e.Identity.Type == signin.TypeRoot:
		w.addSentence("Root is %s to sign in through the global endpoint and to be recorded in %s. A root record of 2022 was filed in "+
			"another Region and named the global host. The same may be true here.", documentedFor(w.v.Partition), w.home)
	case w.v.Scope == ScopeUnknown && !w.v.Has(IdentityCenter) && w.at.isKnown():
		w.addSentence("It was the global endpoint or the regional endpoint of %s. A password typed at the global URL, the Region's own URL, "+
			"a federation broker and a SAML provider all look like this.", w.at.Name)
	}
	if w.e.Identity.Type == signin.TypeRoot && w.v.Partition == region.GovCloud {
		w.addSentence("The AWS GovCloud (US) User Guide does not describe a console sign-in of the root user. A record of one is unusual.")
	}
	if w.v.Partition != region.AWS {
		w.addSentence("No sign-in record of partition %s has been published. Its default Region is assumed to mean the same as in the "+
			"commercial partition.", w.v.Partition)
	}
	if w.v.Has(MalformedField) {
		w.addSentence("One field of the record has a type that cannot be read. The verdict uses the other fields.")
	}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
