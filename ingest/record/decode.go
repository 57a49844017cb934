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

// raws are the raw values of a record's top-level fields. As in encoding/json,
// the last of several with the same name counts.
type raws struct {
	name, source, id, time, version, region, ip, agent []byte
	code, message, recipient, vpce                     []byte
	identity, additional, response, tls, addendum      []byte
}

// record decodes a record and yields it, if it is a sign-in.
func (w *walk) record(raw []byte, carrier signin.Carrier, o outer) error {
	if raw[0] == '"' { // a record written as a string
		return w.nest(raw, carrier, o)
	}
	if raw[0] != '{' {
		return w.prose(raw)
	}
	var f raws
	if err := fields(raw, f.set); err != nil {
		return w.report(BadRecord, err)
	}
	if f.name == nil && f.source == nil && o.name == nil {
		return w.prose(raw)
	}
	f.complete(o)
	if string(w.s.bytes(f.name)) != token || string(w.s.bytes(f.source)) != eventSource {
		return nil
	}
	d := decoder{s: w.s}
	e := d.event(&f)
	e.Carrier, e.Origin = carrier, w.origin
	if e.Time.IsZero() {
		e.Time = when(w.s.bytes(o.time))
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

func (f *raws) set(key string, value []byte) {
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
func (f *raws) complete(o outer) {
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
	if blank(f.identity) && !blank(o.user) {
		f.identity = append(append([]byte(`{"userName":`), o.user...), '}')
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

func (d *decoder) event(f *raws) signin.Event {
	e := signin.Event{
		ID:           d.once(f.id),
		Time:         when(d.s.bytes(f.time)),
		Version:      d.text(f.version),
		Account:      d.account(f.recipient),
		Region:       d.text(f.region),
		SourceIP:     d.text(f.ip),
		UserAgent:    d.text(f.agent),
		ErrorCode:    d.text(f.code),
		ErrorMessage: d.text(f.message),
		VPCEndpoint:  d.text(f.vpce),
	}
	e.Identity = d.identity(f.identity)
	if e.Account == "" {
		e.Account = e.Identity.Account
	}
	d.object(f.response, func(key string, value []byte) {
		if key == token {
			e.Outcome = outcome(d.text(value))
		}
	})
	if e.Outcome == signin.OutcomeUnknown && (e.ErrorCode != "" || e.ErrorMessage != "") {
		e.Outcome = signin.Failure // only failures have an error
	}
	d.object(f.tls, func(key string, value []byte) {
		switch key {
		case "tlsVersion":
			e.TLSVersion = d.text(value)
		case "cipherSuite":
			e.TLSCipher = d.text(value)
		case "clientProvidedHostHeader":
			e.Host = d.text(value)
		}
	})
	d.object(f.addendum, func(key string, value []byte) {
		switch key {
		case "originalEventID":
			e.OriginalID = d.once(value)
		case "reason":
			e.Updated = d.text(value) == "UPDATED_DATA"
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
			e.LoginTo = d.text(value)
		case "MobileVersion":
			e.Mobile = flag(d.text(value))
		case "MFAUsed":
			if e.MFA = signin.MFAUnknown; e.Identity.Federated() {
				break
			}
			switch flag(d.text(value)) {
			case signin.Yes:
				e.MFA = signin.MFAYes
			case signin.No:
				e.MFA = signin.MFANo
			}
		case "SamlProviderArn":
			e.SAMLProvider = d.text(value)
		case "x-amzn-vpce-id":
			if e.VPCEndpoint == "" {
				e.VPCEndpoint = d.text(value)
			}
		}
	})
}

func (d *decoder) identity(raw []byte) signin.Identity {
	var id signin.Identity
	d.object(raw, func(key string, value []byte) {
		switch key {
		case "type":
			id.Type = d.text(value)
		case "accountId":
			id.Account = d.account(value)
		case "arn":
			id.ARN = d.text(value)
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
							id.IssuerARN = d.text(value)
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
	if fields(raw, each) != nil {
		d.malformed = true
	}
}

// text is the text of a scalar: a string's, or a number's or boolean's as it
// is written. null is absent; an object or array says nothing.
func (d *decoder) text(raw []byte) string { return d.s.intern(d.scalar(raw)) }

// once is text that will hardly come again, so it is not remembered.
func (d *decoder) once(raw []byte) string { return string(d.scalar(raw)) }

// account is an account id. One written as a number has lost its leading
// zeros: an account id has 12 digits.
func (d *decoder) account(raw []byte) string {
	id := d.text(raw)
	if len(raw) > 0 && raw[0] != '"' && len(id) > 0 && len(id) < 12 && strings.Trim(id, "0123456789") == "" {
		return strings.Repeat("0", 12-len(id)) + id
	}
	return id
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
