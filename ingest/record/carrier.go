package record

import (
	"bytes"
	"errors"
	"fmt"

	"trailgate/ingest/signin"
)

// shape says what an array's elements are.
type shape uint8

const (
	top       shape = iota // records or envelopes of any kind
	records                // Records: records
	events                 // Events: what LookupEvents says of an event
	logEvents              // logEvents: CloudWatch Logs events
)

// containerOf tells what the array under a top-level key holds; top if the key
// is not one that holds records.
func containerOf(key []byte) shape {
	switch string(key) {
	case "Records":
		return records
	case "Events":
		return events
	case "logEvents", "events":
		return logEvents
	}
	return top
}

// outer is what an envelope says of the record in it, to be used where the
// record does not say so itself. Values are raw JSON.
type outer struct {
	id, time, name, source, user, account, region []byte
}

// emit decodes a candidate and yields it, if it is a sign-in.
func (w *walk) emit(raw []byte, in shape) error {
	if most := w.s.maxRecord(); len(raw) > most {
		return w.report(BadRecord, fmt.Errorf("a record of %d bytes, more than %d", len(raw), most))
	}
	switch in {
	case records:
		return w.record(raw, signin.Trail, outer{})
	case events:
		return w.lookup(raw)
	case logEvents:
		return w.logEvent(raw)
	}
	return w.sniff(raw)
}

// sniff finds out what a top-level object that is no container is, by its keys.
// One that has an eventName is a record, and whatever it holds inside is its own
// affair.
func (w *walk) sniff(raw []byte) error {
	var name, detail, lookup, message, dump []byte
	err := fields(raw, func(key string, value []byte) {
		switch key {
		case "eventName":
			name = value
		case "detail":
			detail = value
		case "CloudTrailEvent":
			lookup = value
		case "message", "@message":
			message = value
		case "_raw", "event":
			dump = value
		}
	})
	switch {
	case err != nil:
		return w.report(BadRecord, err)
	case name != nil:
		return w.record(raw, signin.Record, outer{})
	case detail != nil:
		return w.eventBridge(raw)
	case lookup != nil:
		return w.lookup(raw)
	case dump != nil && (message == nil || !record(message)):
		return w.dump(dump)
	case message != nil:
		return w.logEvent(raw)
	}
	return w.report(BadLine, errors.New("JSON with the text "+token+" that is no CloudTrail record and no known carrier of one"))
}

// lookup deals with an element of a LookupEvents page.
func (w *walk) lookup(raw []byte) error {
	var inner []byte
	var o outer
	err := fields(raw, func(key string, value []byte) {
		switch key {
		case "CloudTrailEvent":
			inner = value
		case "EventId":
			o.id = value
		case "EventTime":
			o.time = value
		case "EventName":
			o.name = value
		case "EventSource":
			o.source = value
		case "Username":
			o.user = value
		}
	})
	switch {
	case err != nil:
		return w.report(BadRecord, err)
	case blank(inner) && string(w.s.bytes(o.name)) == token:
		return w.report(BadRecord, errors.New("a sign-in without CloudTrailEvent"))
	}
	return w.nest(inner, signin.Lookup, o)
}

// eventBridge deals with an EventBridge envelope.
func (w *walk) eventBridge(raw []byte) error {
	var inner []byte
	var o outer
	err := fields(raw, func(key string, value []byte) {
		switch key {
		case "detail":
			inner = value
		case "time":
			o.time = value
		case "account":
			o.account = value
		case "region":
			o.region = value
		}
	})
	if err != nil {
		return w.report(BadRecord, err)
	}
	return w.nest(inner, signin.EventBridge, o)
}

// logEvent deals with a CloudWatch Logs event.
func (w *walk) logEvent(raw []byte) error {
	var inner []byte
	err := fields(raw, func(key string, value []byte) {
		if key == "message" || key == "@message" {
			inner = value
		}
	})
	if err != nil {
		return w.report(BadRecord, err)
	}
	return w.nest(inner, signin.CloudWatch, outer{})
}

// dump deals with what log stores wrap records in: Splunk's _raw, Elastic's
// event.original.
func (w *walk) dump(inner []byte) error {
	if inner[0] == '{' {
		err := fields(inner, func(key string, value []byte) {
			if key == "original" {
				inner = value
			}
		})
		if err != nil {
			return w.report(BadRecord, err)
		}
	}
	return w.nest(inner, signin.Record, outer{})
}

// nest decodes a record that an envelope holds as an object or as a string.
func (w *walk) nest(inner []byte, carrier signin.Carrier, o outer) error {
	if len(inner) > 0 && inner[0] == '"' {
		w.s.inner = unquote(w.s.inner[:0], inner)
		inner = bytes.TrimSpace(w.s.inner)
	}
	if len(inner) == 0 || inner[0] != '{' {
		return w.prose(inner)
	}
	return w.record(inner, carrier, o)
}

// record tells whether a raw value is an object, or a string that holds one.
func record(raw []byte) bool {
	raw = bytes.TrimLeft(raw, `" `)
	return len(raw) > 0 && raw[0] == '{'
}

// prose deals with what is no record where one belongs: a text that merely
// mentions sign-ins is none of ours, but one with a record in it is a sign-in
// that cannot be read.
func (w *walk) prose(b []byte) error {
	if bytes.Contains(b, []byte(token)) && bytes.Contains(b, []byte("eventName")) {
		return w.report(BadRecord, errors.New("a record inside something that is no record"))
	}
	return nil
}

// name is the text of a quoted key. It aliases the key, if that has no escapes.
func name(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return unquote(nil, quoted)
	}
	return quoted[1 : len(quoted)-1]
}

// fields calls each for every member of a JSON object, in order, with the key
// unquoted and the value raw. Raw values alias the object.
func fields(raw []byte, each func(key string, value []byte)) error {
	w := walk{buf: raw}
	if w.space() != '{' {
		return errSyntax
	}
	w.pos++
	for {
		switch w.space() {
		case '}':
			return nil
		case '"':
		case atEnd:
			return errEnd
		default:
			return errSyntax
		}
		at := w.pos
		w.pos++
		if err := w.str(); err != nil {
			return err
		}
		key := name(raw[at:w.pos])
		if err := w.expect(':'); err != nil {
			return err
		}
		w.space()
		at = w.pos
		if err := w.value(); err != nil {
			return err
		}
		each(string(key), raw[at:w.pos])
		if w.space() == ',' {
			w.pos++
		}
	}
}
