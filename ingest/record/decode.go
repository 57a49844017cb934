package record

import (
	"bytes"
	"errors"
	"strings"

	"trailgate/ingest/signin"
)

// eventSource is the eventSource of the sign-in service. All known records of
// all partitions have it.
const eventSource = "signin.amazonaws.com"

// rawFields are the raw values of a record's top-level fields. If a name comes
// several times, the last one counts, as in encoding/json.
type rawFields struct {
	name, source, id, time, version, region, ip, agent []byte
	code, message, recipient, vpce                     []byte
	identity, additional, response, tls, addendum      []byte
}

// emitRecord decodes a record and yields it if it is a sign-in. The carrier says
// what kind of document is around the record. The fields of o fill what the record
// lacks. A sign-in without an id or a time is yielded with an *Error of kind NoID
// or NoTime. A record that cannot be read is reported as BadRecord. It returns
// errStop if the consumer wants no more.
func (w *walk) emitRecord(raw []byte, carrier signin.Carrier, o envelope) error {
	if raw[0] == '"' { // a record written as a string
		return w.emitNested(raw, carrier, o)
	}
	if raw[0] != '{' {
		return w.reportLostRecord(raw)
	}
	var f rawFields
	if err := eachField(raw, f.setField); err != nil {
		return w.reportRecord(BadRecord, err)
	}
	if f.name == nil && f.source == nil && o.name == nil {
		return w.reportLostRecord(raw)
	}
	f.fillFrom(o)
	called, by := w.s.matchText(f.name, token), w.s.matchText(f.source, eventSource)
	switch {
	case called == no || by == no:
		return nil
	case called == unreadable:
		return w.reportRecord(BadRecord, errors.New("a record with the text "+token+" without a readable eventName"))
	case by == unreadable:
		return w.reportRecord(BadRecord, errors.New("a "+token+" without a readable eventSource"))
	}
	d := decoder{s: w.s}
	e := d.decodeEvent(&f)
	e.Carrier, e.Origin = carrier, w.origin
	if id := &e.Identity; id.UserName == "" && id.ARN == "" && (id.Type == "" || id.Type == signin.TypeIAMUser) {
		id.UserName = d.textOf(o.user) // for a role it would be the session, for root the account
	}
	if e.Time.IsZero() {
		e.Time = parseTime(w.s.scalarText(o.time))
	}
	var err error
	switch {
	case e.ID == "":
		err = &Error{Kind: NoID, Offset: w.base + int64(w.keep), Err: errors.New("a sign-in without eventID")}
	case e.Time.IsZero():
		err = &Error{Kind: NoTime, Offset: w.base + int64(w.keep), Err: errors.New("a sign-in without a readable eventTime")}
	}
	if !w.yield(e, err) {
		return errStop
	}
	return nil
}

// textMatch says whether a field has the wanted text.
type textMatch uint8

const (
	unreadable textMatch = iota // the field is absent or not a text
	no
	yes
)

// matchText compares a raw value with the wanted text. It returns yes for the same
// text and no for any other string. A value that is absent, empty, null or not a
// string is unreadable.
func (s *Scanner) matchText(raw []byte, want string) textMatch {
	switch {
	case string(s.scalarText(raw)) == want:
		return yes
	case isBlank(raw) || raw[0] != '"':
		return unreadable
	}
	return no
}

func (f *rawFields) setField(key string, value []byte) {
	switch key {
	case "eventName":
		f.name = value
	case "eventSource":
		f.source = value
	case "eventID":
		f.id = value
	case "eventTime":
		f.time = value
	case "eventVersion":
		f.version = value
	case "awsRegion":
		f.region = value
	case "sourceIPAddress":
		f.ip = value
	case "userAgent":
		f.agent = value
	case "errorCode":
		f.code = value
	case "errorMessage":
		f.message = value
	case "recipientAccountId":
		f.recipient = value
	case "vpcEndpointId":
		f.vpce = value
	case "userIdentity":
		f.identity = value
	case "additionalEventData":
		f.additional = value
	case "responseElements":
		f.response = value
	case "tlsDetails":
		f.tls = value
	case "addendum":
		f.addendum = value
	}
}

// fillFrom takes from the envelope those fields that the record lacks. A field that
// is null or empty is lacking too.
func (f *rawFields) fillFrom(o envelope) {
	for _, p := range [...]struct {
		to   *[]byte
		from []byte
	}{
		{&f.id, o.id}, {&f.time, o.time}, {&f.name, o.name}, {&f.source, o.source},
		{&f.recipient, o.account}, {&f.region, o.region},
	} {
		if isBlank(*p.to) && p.from != nil {
			*p.to = p.from
		}
	}
}

// isBlank reports whether a raw value is absent, null or an empty string.
func isBlank(raw []byte) bool {
	return len(raw) == 0 || string(raw) == "null" || string(raw) == `""`
}

// decoder reads the values of one record. It sets malformed if a value has a JSON
// type that its field cannot have.
type decoder struct {
	s         *Scanner
	malformed bool
}

func (d *decoder) decodeEvent(f *rawFields) signin.Event {
	e := signin.Event{
		ID:           d.eventID(f.id),
		Time:         parseTime(d.scalarOf(f.time)),
		Version:      d.textOf(f.version),
		Account:      d.accountID(f.recipient),
		Region:       d.stringOf(f.region),
		SourceIP:     d.stringOf(f.ip),
		UserAgent:    d.textOf(f.agent),
		ErrorCode:    d.textOf(f.code),
		ErrorMessage: d.textOf(f.message),
		VPCEndpoint:  d.stringOf(f.vpce),
	}
	e.Identity = d.decodeIdentity(f.identity)
	if e.Account == "" {
		e.Account = e.Identity.Account
	}
	d.eachMember(f.response, func(key string, value []byte) {
		if key == token {
			e.Outcome = parseOutcome(d.stringOf(value))
		}
	})
	if e.Outcome == signin.OutcomeUnknown && (e.ErrorCode != "" || e.ErrorMessage != "") {
		e.Outcome = signin.Failure // only failures have an error
	}
	d.eachMember(f.tls, func(key string, value []byte) {
		switch key {
		case "tlsVersion":
			e.TLSVersion = d.stringOf(value)
		case "cipherSuite":
			e.TLSCipher = d.stringOf(value)
		case "clientProvidedHostHeader":
			e.Host = d.stringOf(value)
		}
	})
	d.eachMember(f.addendum, func(key string, value []byte) {
		switch key {
		case "originalEventID":
			e.OriginalID = d.eventID(value)
		case "reason":
			e.Updated = d.stringOf(value) == "UPDATED_DATA"
		}
	})
	d.decodeAdditional(&e, f.additional)
	e.Malformed = d.malformed
	return e
}

func (d *decoder) decodeAdditional(e *signin.Event, raw []byte) {
	d.eachMember(raw, func(key string, value []byte) {
		switch key {
		case "LoginTo":
			e.LoginTo = d.stringOf(value)
		case "MobileVersion":
			e.Mobile = d.flagOf(value)
		case "MFAUsed":
			used := d.flagOf(value)
			switch e.MFA = signin.MFAUnknown; {
			case e.Identity.Federated():
			case used == signin.Yes:
				e.MFA = signin.MFAYes
			case used == signin.No:
				e.MFA = signin.MFANo
			}
		case "SamlProviderArn":
			e.SAMLProvider = d.stringOf(value)
		case "x-amzn-vpce-id":
			if e.VPCEndpoint == "" {
				e.VPCEndpoint = d.stringOf(value)
			}
		}
	})
}

func (d *decoder) decodeIdentity(raw []byte) signin.Identity {
	var id signin.Identity
	d.eachMember(raw, func(key string, value []byte) {
		switch key {
		case "type":
			id.Type = d.stringOf(value)
		case "accountId":
			id.Account = d.accountID(value)
		case "arn":
			id.ARN = d.stringOf(value)
		case "principalId":
			id.PrincipalID = d.textOf(value)
		case "userName":
			id.UserName = d.textOf(value)
		case "sessionContext":
			id.IssuerARN = ""
			d.eachMember(value, func(key string, value []byte) {
				if key == "sessionIssuer" {
					d.eachMember(value, func(key string, value []byte) {
						if key == "arn" {
							id.IssuerARN = d.stringOf(value)
						}
					})
				}
			})
		}
	})
	return id
}

// eachMember calls each for the members of an object, which may also be written as
// a string. An absent value, null and an empty string have no members. Any other
// value sets d.malformed.
func (d *decoder) eachMember(raw []byte, each func(key string, value []byte)) {
	if len(raw) > 1 && raw[0] == '"' {
		raw = bytes.TrimSpace(unquote(nil, raw))
	}
	if isBlank(raw) {
		return
	}
	if eachField(raw, each) != nil {
		d.malformed = true
	}
}

// textOf is the text of a string, or a number or boolean as it is written. It is
// empty for null and an absent value. For an object or array it is empty and sets
// d.malformed.
func (d *decoder) textOf(raw []byte) string { return d.s.internText(d.scalarOf(raw)) }

// stringOf is the text of a string only. A value of any other type but null is
// empty and sets d.malformed. It is for values that are never numbers or booleans,
// such as a host, a Region or an ARN.
func (d *decoder) stringOf(raw []byte) string {
	if len(raw) > 0 && raw[0] != '"' && string(raw) != "null" {
		d.malformed = true
		return ""
	}
	return d.textOf(raw)
}

// flagOf reads Yes or No, or the boolean that some tools make of it. Any other text
// is Unset. A number, object or array also sets d.malformed.
func (d *decoder) flagOf(raw []byte) signin.Flag {
	if isBoolean(raw) {
		return parseFlag(string(raw))
	}
	return parseFlag(d.stringOf(raw))
}

// eventID reads an event id, as a string or a number. It does not use internText,
// because an id hardly ever comes again. A boolean gives an empty id and sets
// d.malformed: several records could have the same one.
func (d *decoder) eventID(raw []byte) string {
	if isBoolean(raw) {
		d.malformed = true
		return ""
	}
	return string(d.scalarOf(raw))
}

func isBoolean(raw []byte) bool { return string(raw) == "true" || string(raw) == "false" }

// accountID reads an account id, which has 12 digits. An id that was written as a
// number gets back its leading zeros. Any other value must be a string; if not, it
// is empty and sets d.malformed.
func (d *decoder) accountID(raw []byte) string {
	if len(raw) == 0 || strings.Trim(string(raw), "0123456789") != "" {
		return d.stringOf(raw)
	}
	id := d.textOf(raw)
	return strings.Repeat("0", max(12-len(id), 0)) + id
}

func (d *decoder) scalarOf(raw []byte) []byte {
	if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		d.malformed = true
		return nil
	}
	return d.s.scalarText(raw)
}

// scalarText is the text of a string, number or boolean. It is nil for an absent
// value, null, an object or an array. The text of a string is valid until the next
// call. Any other text aliases raw.
func (s *Scanner) scalarText(raw []byte) []byte {
	switch {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null":
		return nil
	case raw[0] != '"':
		return raw
	}
	s.scratch = unquote(s.scratch[:0], raw)
	return s.scratch
}

// The bounds of the remembered strings. Without them, hostile records could make
// the memory grow.
const (
	internLength = 512     // bytes of the longest string that is remembered
	internCount  = 1 << 15 // number of strings
)

// internText copies a text to a string. It remembers short strings, and gives the
// same string for the same text, because a year of sign-ins has few different
// browsers, users and hosts. When internCount strings are remembered, it forgets
// them all.
func (s *Scanner) internText(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if known, ok := s.strings[string(b)]; ok {
		return known
	}
	text := string(b)
	if len(text) > internLength {
		return text
	}
	if s.strings == nil || len(s.strings) >= internCount {
		s.strings = make(map[string]string, 64)
	}
	s.strings[text] = text
	return text
}
