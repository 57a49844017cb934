package learn

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/text"
)

// Draft is a drafted policy.
type Draft struct {
	YAML    []byte       // the policy file with comments; policy.Parse reads it with the Learner's Table
	Rules   int          // number of rules
	LeftOut []Omission   // past sign-ins that it does not allow, by principal and endpoint
	Tally   policy.Tally // its decisions on the sign-ins that it was drafted from
}

// Omission is a group of past sign-ins that a draft does not allow. They are too
// rare to be a habit, or they failed.
type Omission struct {
	Principal string
	Endpoint  string
	Rule      string // the rule of the draft that does not allow them
	SignIns   int
	Failed    bool // the sign-ins failed, so they were not learned
	First     time.Time
	Last      time.Time
}

// Draft makes a policy of the sign-ins that were added. People with the same
// habits get one rule, with the evidence in a comment. Over the same sign-ins the
// policy flags exactly those in LeftOut, which its comments list too. An error
// means that the draft could not be read back.
func (l *Learner) Draft() (Draft, error) {
	rules := l.draftRules()
	body := writeRules(rules)
	p, err := policy.Parse("draft", body, l.Table)
	if err != nil {
		return Draft{}, fmt.Errorf("read draft back: %w", err)
	}
	out := Draft{Rules: len(rules), Tally: policy.Tally{Policy: p}}
	out.LeftOut = l.leftOut(&out.Tally)
	var b bytes.Buffer
	l.writeHead(&b, &out)
	b.Write(body)
	out.YAML = b.Bytes()
	return out, nil
}

// leftOut applies the draft to the past sign-ins, counts its decisions in t, and lists
// those sign-ins that it does not allow. It leaves out those that it does not decide
// about.
func (l *Learner) leftOut(t *policy.Tally) []Omission {
	type key struct {
		principal, endpoint, rule string
		failed                    bool
	}
	found := map[key]*Omission{}
	for k, c := range l.evidenceOf {
		d := t.Policy.Decide(&c.sample, c.verdict)
		for range c.signins {
			t.Add(&c.sample, d)
		}
		if !d.Judged || d.Allowed {
			continue
		}
		id := key{k.principal, k.endpoint, d.Rule, k.failed}
		o := found[id]
		if o == nil {
			o = &Omission{Principal: k.principal, Endpoint: k.endpoint, Rule: d.Rule, Failed: k.failed}
			found[id] = o
		}
		o.SignIns += c.signins
		analyzer.WidenPeriod(&o.First, &o.Last, c.first)
		analyzer.WidenPeriod(&o.First, &o.Last, c.last)
	}
	out := make([]Omission, 0, len(found))
	for _, o := range found {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Omission) int {
		failed := func(o Omission) int { return map[bool]int{true: 1}[o.Failed] }
		return cmp.Or(strings.Compare(a.Principal, b.Principal), strings.Compare(a.Endpoint, b.Endpoint),
			cmp.Compare(failed(a), failed(b)), strings.Compare(a.Rule, b.Rule))
	})
	return out
}

// maxOmissions is how many omissions the comments of a draft list.
const maxOmissions = 100

// writeHead writes the comment at the top. It says where the draft comes from and
// what it does not allow.
func (l *Learner) writeHead(b *bytes.Buffer, d *Draft) {
	var first, last time.Time
	for _, c := range l.evidenceOf {
		analyzer.WidenPeriod(&first, &last, c.first)
		analyzer.WidenPeriod(&first, &last, c.last)
	}
	fmt.Fprintf(b, "# Drafted from %s", text.Count(d.Tally.SignIns, "sign-in"))
	if d.Tally.SignIns > 0 {
		fmt.Fprintf(b, ", %s to %s", first.Format(time.DateOnly), last.Format(time.DateOnly))
	}
	b.WriteString(".\n# It allows what was usual, which may not be what you want. Read it before you use it.\n")
	whys := d.Tally.Whys()
	for _, why := range slices.Sorted(maps.Keys(whys)) {
		fmt.Fprintf(b, "# Not judged: %s: %s.\n", text.Count(whys[why], "sign-in"), why)
	}
	if len(d.LeftOut) > 0 {
		b.WriteString("# Left out, so that this policy flags it:\n")
	}
	for i, o := range d.LeftOut {
		if i == maxOmissions {
			fmt.Fprintf(b, "#   and %s more\n", text.Count(len(d.LeftOut)-i, "such habit"))
			break
		}
		what := "sign-in"
		if o.Failed {
			what = "failed sign-in"
		}
		fmt.Fprintf(b, "#   %s at %s: %s, %s\n", commentText(o.Principal), o.Endpoint, text.Count(o.SignIns, what), formatPeriod(o.First, o.Last))
	}
}

func formatPeriod(first, last time.Time) string {
	from, to := first.Format(time.DateOnly), last.Format(time.DateOnly)
	if from == to {
		return from
	}
	return from + " to " + to
}

// commentText quotes text of a record so that it cannot end a comment.
func commentText(s string) string {
	quoted := strconv.QuoteToASCII(s)
	if quoted == `"`+s+`"` {
		return s
	}
	return quoted
}

func writeRules(rules []*draft) []byte {
	var b bytes.Buffer
	b.WriteString("version: " + policy.FileVersion + "\n")
	if len(rules) == 0 {
		b.WriteString("rules: []\n")
		return b.Bytes()
	}
	b.WriteString("rules:\n")
	for _, d := range rules {
		fmt.Fprintf(&b, "  # %s, %s, %s\n", text.Count(len(d.members), d.groupNoun()), text.Count(d.seen.signins, "sign-in"), formatPeriod(d.seen.first, d.seen.last))
		fmt.Fprintf(&b, "  - name: %s\n    match:\n", scalarText(d.name))
		writeList(&b, policy.KeyAccount, d.accounts)
		fmt.Fprintf(&b, "      %s: %s\n", policy.KeyIdentity, scalarText(d.kind))
		switch d.identities {
		case userGroup, federatedGroup:
			writeList(&b, policy.KeyUser, d.people)
		case roleGroup:
			writeList(&b, policy.KeyRole, d.roles)
			writeList(&b, policy.KeySession, d.people)
		case identityCenterGroup:
			writeList(&b, policy.KeyRole, []string{"AWSReservedSSO_*"})
			writeList(&b, policy.KeySession, d.people)
		}
		fmt.Fprintf(&b, "    allow: [%s]\n", strings.Join(d.allow, ", "))
	}
	return b.Bytes()
}

func (d *draft) groupNoun() string {
	switch d.identities {
	case rootGroup:
		return "account"
	case roleGroup:
		return "session"
	case federatedGroup:
		return "federated user"
	case identityCenterGroup:
		return "Identity Center user"
	}
	return "user"
}

// writeList writes one key of a matcher: on one line if it is short, otherwise as
// one line for each word.
func writeList(b *bytes.Buffer, t policy.MatchKey, words []string) {
	const room = 90
	if len(words) == 0 {
		return
	}
	quoted := make([]string, len(words))
	length := 0
	for i, w := range words {
		quoted[i] = scalarText(w)
		length += len(quoted[i]) + 2
	}
	switch {
	case len(words) == 1:
		fmt.Fprintf(b, "      %s: %s\n", t, quoted[0])
	case length <= room:
		fmt.Fprintf(b, "      %s: [%s]\n", t, strings.Join(quoted, ", "))
	default:
		fmt.Fprintf(b, "      %s:\n", t)
		for _, q := range quoted {
			fmt.Fprintf(b, "        - %s\n", q)
		}
	}
}

// scalarText writes a text so that YAML reads back the same text. A text that
// YAML could read as another type is quoted.
func scalarText(s string) string {
	plain := s != ""
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		plain = plain && (letter || i > 0 && (c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9'))
	}
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return strconv.Quote(s)
}
