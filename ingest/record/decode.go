package record

import (
	"bytes"
	"errors"
	"strings"

	"trailgate/ingest/signin"
)

// eventSource is what the sign-in service calls itself, in every partition as
// far as records are known.
const eventSource = "signin.amazonaws.com"

// rawFields are the raw values of a record's top-level fields. As in encoding/json,
// the last of several with the same name counts.
type rawFields struct {
	name, source, id, time, version, region, ip, agent []byte
	code, message, recipient, vpce                     []byte
	identity, additional, response, tls, addendum      []byte
}

// decodeRecord decodes a record and yields it, if it is a sign-in.
func (w *recordWalk) decodeRecord(raw []byte, carrier signin.Carrier, o outerFields) error {
	if raw[0] == '"' { // a record written as a string
		return w.emitNested(raw, carrier, o)
	}
	if raw[0] != '{' {
		return w.reportProse(raw)
	}
	var f rawFields
	if err := eachField(raw, f.set); err != nil {
		return w.reportError(BadRecord, err)
	}
	if f.name == nil && f.source == nil && o.name == nil {
		return w.reportProse(raw)
	}
	f.complete(o)
	called, by := w.s.says(f.name, token), w.s.says(f.source, eventSource)
	switch {
	case called == no || by == no:
		return nil
	case called == unreadable:
		return w.reportError(BadRecord, errors.New("a record with the text "+token+" without a readable eventName"))
	case by == unreadable:
		return w.reportError(BadRecord, errors.New("a "+token+" without a readable eventSource"))
	}
	d := decoder{s: w.s}
	e := d.event(&f)
	e.Carrier, e.Origin = carrier, w.origin
	if id := &e.Identity; id.UserName == "" && id.ARN == "" && (id.Type == "" || id.Type == signin.TypeIAMUser) {
		id.UserName = d.text(o.user) // of a role it is the session, of root the account
	}
	if e.Time.IsZero() {
		e.Time = parseTime(w.s.bytes(o.time))
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

// answer is what a field that decides has to say.
type answer uint8

const (
	unreadable answer = iota // nothing, for it is absent or of a type that is no text
	no
	yes
)

// says tells whether a raw value is the text that is wanted.
func (s *Scanner) says(raw []byte, want string) answer {
	switch {
	case string(s.bytes(raw)) == want:
		return yes
	case blank(raw) || raw[0] != '"':
		return unreadable
	}
	return no
}

func (f *rawFields) set(key string, value []byte) {
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

// complete fills in what the envelope says and the record does not.
func (f *rawFields) complete(o outerFields) {
	for _, p := range [...]struct {
		to   *[]byte
		from []byte
	}{
		{&f.id, o.id}, {&f.time, o.time}, {&f.name, o.name}, {&f.source, o.source},
		{&f.recipient, o.account}, {&f.region, o.region},
	} {
		if blank(*p.to) && p.from != nil {
			*p.to = p.from
		}
	}
}

// blank tells whether a raw value says nothing.
func blank(raw []byte) bool {
	return len(raw) == 0 || string(raw) == "null" || string(raw) == `""`
}

// decoder reads one record's values, and remembers whether one of them had a
// type that says nothing.
type decoder struct {
	s         *Scanner
	malformed bool
}

func (d *decoder) event(f *rawFields) signin.Event {
	e := signin.Event{
		ID:           d.id(f.id),
		Time:         parseTime(d.scalar(f.time)),
		Version:      d.text(f.version),
		Account:      d.account(f.recipient),
		Region:       d.word(f.region),
		SourceIP:     d.word(f.ip),
		UserAgent:    d.text(f.agent),
		ErrorCode:    d.text(f.code),
		ErrorMessage: d.text(f.message),
		VPCEndpoint:  d.word(f.vpce),
	}
	e.Identity = d.identity(f.identity)
	if e.Account == "" {
		e.Account = e.Identity.Account
	}
	d.object(f.response, func(key string, value []byte) {
		if key == token {
			e.Outcome = outcomeOf(d.word(value))
		}
	})
	if e.Outcome == signin.OutcomeUnknown && (e.ErrorCode != "" || e.ErrorMessage != "") {
		e.Outcome = signin.Failure // only failures have an error
	}
	d.object(f.tls, func(key string, value []byte) {
		switch key {
		case "tlsVersion":
			e.TLSVersion = d.word(value)
		case "cipherSuite":
			e.TLSCipher = d.word(value)
		case "clientProvidedHostHeader":
			e.Host = d.word(value)
		}
	})
	d.object(f.addendum, func(key string, value []byte) {
		switch key {
		case "originalEventID":
			e.OriginalID = d.id(value)
		case "reason":
			e.Updated = d.word(value) == "UPDATED_DATA"
		}
	})
	d.additional(&e, f.additional)
	e.Malformed = d.malformed
	return e
}

func (d *decoder) additional(e *signin.Event, raw []byte) {
	d.object(raw, func(key string, value []byte) {
		switch key {
		case "LoginTo":
			e.LoginTo = d.word(value)
		case "MobileVersion":
			e.Mobile = d.flag(value)
		case "MFAUsed":
			used := d.flag(value)
			switch e.MFA = signin.MFAUnknown; {
			case e.Identity.Federated():
			case used == signin.Yes:
				e.MFA = signin.MFAYes
			case used == signin.No:
				e.MFA = signin.MFANo
			}
		case "SamlProviderArn":
			e.SAMLProvider = d.word(value)
		case "x-amzn-vpce-id":
			if e.VPCEndpoint == "" {
				e.VPCEndpoint = d.word(value)
			}
		}
	})
}

func (d *decoder) identity(raw []byte) signin.Identity {
	var id signin.Identity
	d.object(raw, func(key string, value []byte) {
		switch key {
		case "type":
			id.Type = d.word(value)
		case "accountId":
			id.Account = d.account(value)
		case "arn":
			id.ARN = d.word(value)
		case "principalId":
			id.PrincipalID = d.text(value)
		case "userName":
			id.UserName = d.text(value)
		case "sessionContext":
			id.IssuerARN = ""
			d.object(value, func(key string, value []byte) {
				if key == "sessionIssuer" {
					d.object(value, func(key string, value []byte) {
						if key == "arn" {
							id.IssuerARN = d.word(value)
						}
					})
				}
			})
		}
	})
	return id
}

// object calls each for the members of an object; one that was written as a
// string is read all the same. Anything else but null is malformed.
func (d *decoder) object(raw []byte, each func(key string, value []byte)) {
	if len(raw) > 1 && raw[0] == '"' {
		raw = bytes.TrimSpace(unquote(nil, raw))
	}
	if blank(raw) {
		return
	}
	if eachField(raw, each) != nil {
		d.malformed = true
	}
}

// text is the text of a scalar: a string's, or a number's or boolean's as it
// is written. null is absent; an object or array says nothing.
func (d *decoder) text(raw []byte) string { return d.s.intern(d.scalar(raw)) }

// word is text of a form that no number or boolean has, such as a host, a
// Region or an ARN: only a string says something.
func (d *decoder) word(raw []byte) string {
	if len(raw) > 0 && raw[0] != '"' && string(raw) != "null" {
		d.malformed = true
		return ""
	}
	return d.text(raw)
}

// flag is a Yes or No, or the boolean that some tools make of it.
func (d *decoder) flag(raw []byte) signin.Flag {
	if boolean(raw) {
		return flagOf(string(raw))
	}
	return flagOf(d.word(raw))
}

// id is an event id, which is not remembered, as it will hardly come again. A
// boolean is none: all records that have it would be taken for one.
func (d *decoder) id(raw []byte) string {
	if boolean(raw) {
		d.malformed = true
		return ""
	}
	return string(d.scalar(raw))
}

func boolean(raw []byte) bool { return string(raw) == "true" || string(raw) == "false" }

// account is an account id. One written as a number has lost its leading
// zeros: an account id has 12 digits. Nothing else but a string is one.
func (d *decoder) account(raw []byte) string {
	if len(raw) == 0 || strings.Trim(string(raw), "0123456789") != "" {
		return d.word(raw)
	}
	id := d.text(raw)
	return strings.Repeat("0", max(12-len(id), 0)) + id
}

func (d *decoder) scalar(raw []byte) []byte {
	if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		d.malformed = true
		return nil
	}
	return d.s.bytes(raw)
}

// bytes is the text of a scalar, valid until the next call.
func (s *Scanner) bytes(raw []byte) []byte {
	switch {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null":
		return nil
	case raw[0] != '"':
		return raw
	}
	s.scratch = unquote(s.scratch[:0], raw)
	return s.scratch
}

// The remembered strings are bounded in length and number, so that hostile
// records cannot make the memory grow.
const (
	internLength = 512
	internCount  = 1 << 15
)

// intern gives a string of its own, the same for the same text: a year of
// sign-ins has few different browsers, users and hosts.
func (s *Scanner) intern(b []byte) string {
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
