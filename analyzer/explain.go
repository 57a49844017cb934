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

// Explain puts a verdict of the zero Classifier into words.
func Explain(e signin.Event, v Verdict) []string { return Classifier{}.Explain(e, v) }

// Explain puts a verdict into words: what it is, why, and what speaks against
// it or could be true instead, one sentence or two an element, never none. v
// is meant to be this Classifier's verdict on e. Whatever comes from the
// record is quoted, so that no control character gets out.
func (c Classifier) Explain(e signin.Event, v Verdict) []string {
	w := explainer{
		table: c.Table, e: &e, v: v,
		host: endpoint.ParseHost(c.Table, e.Host), at: c.locateRegion(e.Region), home: c.Table.Default(v.Partition),
	}
	w.explainVerdict()
	w.explainBasis()
	w.explainRegion()
	w.explainUnused()
	w.identityCenter()
	w.explainProxy()
	w.explainAlternative()
	return w.out
}

// explainer is an explanation under way.
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
		w.addSentence("Through which endpoint %s came cannot be told from the record.", lowerFirst(what))
	}
}

// explainBasis names what decided, or why nothing could.
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
		w.addSentence("awsRegion is %q, not a Region: copies of sign-ins at the global endpoint that came by EventBridge have been seen to say so.", w.e.Region)
	case BasisRegion:
		w.addSentence("awsRegion is %q, which is not the default Region of partition %s (%s): only a regional endpoint is recorded there.",
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
		w.addSentence("The record has no usable host, and its awsRegion settles nothing.")
	default:
		w.addSentence("awsRegion is %q, the default Region of partition %s: sign-ins at the global endpoint and at the Region's own "+
			"lie there alike, and only the host could tell them apart.", w.e.Region, w.v.Partition)
	}
}

// documentedFor qualifies what AWS documents for the commercial partition only.
func documentedFor(partition string) string {
	if partition == region.AWS {
		return "documented"
	}
	return "expected"
}

// rootRule says what root's way in rests on.
func (w *explainer) rootRule() string {
	if w.v.Partition == region.AWS {
		return "AWS documents root to sign in through the global endpoint"
	}
	return "that root signs in through the global endpoint is carried over from the commercial partition"
}

// explainRegion says how awsRegion fits the verdict.
func (w *explainer) explainRegion() {
	if w.at.isOdd() {
		w.addSentence("awsRegion %q is no Region in the table: a new Region, which a regions file can add, or altered data.", w.e.Region)
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
		w.addSentence("awsRegion %q disagrees: sign-ins at this host are %s to be recorded in %s. The host is kept, since it "+
			"is what the browser asked for; a published root record of 2022 disagrees in the same way.", w.e.Region, documentedFor(w.v.Partition), w.home)
	default:
		w.addSentence("awsRegion %q disagrees. The host is kept, since it is what the browser asked for; no published record is like this.", w.e.Region)
	}
}

// explainUnused says what became of a host that did not decide, and of LoginTo.
func (w *explainer) explainUnused() {
	switch w.host.Class {
	case endpoint.Absent:
		w.addSentence("%s", w.missingEvidence())
	case endpoint.Account:
		w.addSentence("The host %+q is below the sign-in domain of partition %s, but its label is an account id or alias and no Region "+
			"in the table: such a host sends the browser on, so it was left out of account.", w.e.Host, w.host.Partition)
	case endpoint.Foreign:
		if w.host.Service != endpoint.NoService {
			w.addSentence("The host %+q is one of AWS's (%s), but no console sign-in endpoint, so it was left out of account.", w.e.Host, w.host.Service)
			break
		}
		w.addSentence("The host %+q is under no partition's sign-in domain, so it was left out of account. A reverse proxy between the "+
			"user and AWS looks like this, one set up to steal passwords included.", w.e.Host)
	}
	if w.v.Scope == ScopeUnknown && w.e.LoginTo != "" {
		w.addSentence("additionalEventData.LoginTo names the console that was to be opened, not the endpoint, and decides nothing.")
	}
}

// missingEvidence says why a record may have no host.
func (w *explainer) missingEvidence() string {
	major, minor, _ := strings.Cut(w.e.Version, ".")
	n, err := strconv.Atoi(minor)
	switch {
	case major != "1" || err != nil:
		return "The record names no host (tlsDetails.clientProvidedHostHeader)."
	case n < 8:
		return fmt.Sprintf("The record names no host: its eventVersion %q is older than tlsDetails, which came with 1.08.", w.e.Version)
	}
	return fmt.Sprintf("The record names no host, though eventVersion %q may have tlsDetails: AWS leaves it out where a "+
		"service or a proxying console client made the call, and exports may trim it.", w.e.Version)
}

// identityCenter compares an Identity Center role's home with awsRegion.
func (w *explainer) identityCenter() {
	id := w.e.Identity
	if !id.IdentityCenter() {
		return
	}
	home := id.IdentityCenterHome()
	switch {
	case home != "":
		w.addSentence("The role is one of Identity Center's, and its path names %q as the home Region.", home)
	case id.IssuerARN == "":
		w.addSentence("The role is one of Identity Center's, but the record does not have its path, which would tell the home Region.")
		return
	case w.v.Partition != region.AWS:
		w.addSentence("The role is one of Identity Center's, and its path names no home Region.")
		return
	default:
		home = w.home
		w.addSentence("The role is one of Identity Center's, and its path names no home Region, which is documented to mean %s.", home)
	}
	w.addSentence("Such sign-ins have been seen to come through the regional endpoint of the home Region; AWS does not document it.")
	region, _ := w.table.Region(home)
	switch {
	case w.v.Scope == ScopeUnknown && w.at.isKnown() && region.Name == w.at.Name:
		w.addSentence("So this was probably the regional endpoint of %s. The federation endpoint and SAML sign-ins are recorded "+
			"there as well, so it is not certain enough for a verdict.", region.Name)
	case w.v.Scope == ScopeGlobal, w.v.Scope == ScopeRegional && region.Name != w.v.Endpoint:
		w.addSentence("This sign-in came through another endpoint than that: look at it, unless the instance is replicated to other Regions.")
	}
}

// aliasRule is about when the account-alias rule entered the CloudTrail User
// Guide; the exact day is not known.
func aliasRule() time.Time { return time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC) }

// explainProxy explains what an IAM user at one of the three Regions may mean.
func (w *explainer) explainProxy() {
	if !w.v.Has(MaybeProxied) {
		return
	}
	w.addSentence("The user may have typed the global URL: with an account-alias cookie in the browser, the console serves IAM users " +
		"from us-east-2, eu-north-1 or ap-southeast-2, whichever answers fastest. Treat the three as one, and as global, for IAM users.")
	if !w.e.Time.IsZero() && w.e.Time.Before(aliasRule()) {
		w.addSentence("AWS documents this since about 2024; for a sign-in of %d its documentation said that the global endpoint is "+
			"recorded in us-east-1, though records like this one exist from 2023.", w.e.Time.UTC().Year())
	}
}

// explainAlternative says what else could be true.
func (w *explainer) explainAlternative() {
	switch {
	case w.v.Basis == BasisHost && w.v.Scope == ScopeGlobal:
		w.addSentence("%s", endpoint.BareReason(w.v.Partition))
	case w.v.Basis == BasisIdentity:
		w.addSentence("A root record of 2022 that lay in another Region shows that the rule has exceptions.")
	case w.v.Basis == BasisRegion && w.e.Identity.Type == signin.TypeRoot:
		w.addSentence("Root is %s to sign in through the global endpoint and to be recorded in %s. A root record of 2022 lay in "+
			"another Region and named the global host: the same may be true here.", documentedFor(w.v.Partition), w.home)
	case w.v.Scope == ScopeUnknown && !w.v.Has(IdentityCenter) && w.at.isKnown():
		w.addSentence("It was the global endpoint or the regional one of %s: a password typed at the global URL, the Region's own URL, "+
			"a federation broker and a SAML provider all look like this.", w.at.Name)
	}
	if w.e.Identity.Type == signin.TypeRoot && w.v.Partition == region.GovCloud {
		w.addSentence("The AWS GovCloud (US) User Guide knows no console sign-in of the root user: that there is a record of one is remarkable.")
	}
	if w.v.Partition != region.AWS {
		w.addSentence("No sign-in record of partition %s has been published: what its default Region means is carried over from the "+
			"commercial partition.", w.v.Partition)
	}
	if w.v.Has(MalformedField) {
		w.addSentence("Some field of the record had a type that cannot be read. It was left out, and the verdict rests on the others.")
	}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
