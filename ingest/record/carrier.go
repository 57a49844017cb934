package record

import (
	"bytes"
	"errors"
	"fmt"

	"trailgate/ingest/signin"
)

// arrayShape says what an array's elements are.
type arrayShape uint8

const (
	top       arrayShape = iota // records or envelopes of any kind
	records                     // Records: records
	events                      // Events: what LookupEvents says of an event
	logEvents                   // logEvents: CloudWatch Logs events
)

// containerOf tells what the array under a top-level key holds; top if the key
// is not one that holds records.
func containerOf(key []byte) arrayShape {
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

// envelope is what an envelope says of the record in it, to be used where the
// record does not say so itself. Values are raw JSON.
type envelope struct {
	id, time, name, source, user, account, region []byte
}

// emitCandidate decodes a candidate and yields it, if it is a sign-in.
func (w *walk) emitCandidate(raw []byte, in arrayShape) error {
	if most := w.s.maxRecord(); len(raw) > most {
		return w.reportRecord(BadRecord, fmt.Errorf("a record of %d bytes, more than %d", len(raw), most))
	}
	switch in {
	case records:
		return w.emitRecord(raw, signin.Trail, envelope{})
	case events:
		return w.emitLookup(raw)
	case logEvents:
		return w.emitLogEvent(raw)
	}
	return w.emitByKeys(raw)
}

// emitByKeys finds out what a top-level object that is no container is, by its keys.
// One that has an eventName is a record, and whatever it holds inside is its own
// affair.
func (w *walk) emitByKeys(raw []byte) error {
	var name, detail, lookup, message, dump []byte
	err := eachField(raw, func(key string, value []byte) {
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
		return w.reportRecord(BadRecord, err)
	case name != nil:
		return w.emitRecord(raw, signin.Record, envelope{})
	case detail != nil:
		return w.emitEventBridge(raw)
	case lookup != nil:
		return w.emitLookup(raw)
	case dump != nil && (message == nil || !holdsObject(message)):
		return w.emitDump(dump)
	case message != nil:
		return w.emitLogEvent(raw)
	}
	return w.reportRecord(BadLine, errors.New("JSON with the text "+token+" that is no CloudTrail record and no known carrier of one"))
}

// emitLookup deals with an element of a LookupEvents page.
func (w *walk) emitLookup(raw []byte) error {
	var inner []byte
	var o envelope
	err := eachField(raw, func(key string, value []byte) {
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
		return w.reportRecord(BadRecord, err)
	case isBlank(inner) && string(w.s.scalarText(o.name)) == token:
		return w.reportRecord(BadRecord, errors.New("a sign-in without CloudTrailEvent"))
	}
	return w.emitNested(inner, signin.Lookup, o)
}

// emitEventBridge deals with an EventBridge envelope.
func (w *walk) emitEventBridge(raw []byte) error {
	var inner []byte
	var o envelope
	err := eachField(raw, func(key string, value []byte) {
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
		return w.reportRecord(BadRecord, err)
	}
	return w.emitNested(inner, signin.EventBridge, o)
}

// emitLogEvent deals with a CloudWatch Logs event.
func (w *walk) emitLogEvent(raw []byte) error {
	var inner []byte
	err := eachField(raw, func(key string, value []byte) {
		if key == "message" || key == "@message" {
			inner = value
		}
	})
	if err != nil {
		return w.reportRecord(BadRecord, err)
	}
	return w.emitNested(inner, signin.CloudWatch, envelope{})
}

// emitDump deals with what log stores wrap records in: Splunk's _raw, Elastic's
// event.original.
func (w *walk) emitDump(inner []byte) error {
	if inner[0] == '{' {
		err := eachField(inner, func(key string, value []byte) {
			if key == "original" {
				inner = value
			}
		})
		if err != nil {
			return w.reportRecord(BadRecord, err)
		}
	}
	return w.emitNested(inner, signin.Record, envelope{})
}

// emitNested decodes a record that an envelope holds as an object or as a string.
func (w *walk) emitNested(inner []byte, carrier signin.Carrier, o envelope) error {
	if len(inner) > 0 && inner[0] == '"' {
		w.s.inner = unquote(w.s.inner[:0], inner)
		inner = bytes.TrimSpace(w.s.inner)
	}
	if len(inner) == 0 || inner[0] != '{' {
		return w.reportLostRecord(inner)
	}
	return w.emitRecord(inner, carrier, o)
}

// holdsObject tells whether a raw value is an object, or a string that holds one.
func holdsObject(raw []byte) bool {
	raw = bytes.TrimLeft(raw, `" `)
	return len(raw) > 0 && raw[0] == '{'
}

// reportLostRecord deals with what is no record where one belongs: a text that merely
// mentions sign-ins is none of ours, but one with a record in it is a sign-in
// that cannot be read.
func (w *walk) reportLostRecord(b []byte) error {
	if bytes.Contains(b, []byte(token)) && bytes.Contains(b, []byte("eventName")) {
		return w.reportRecord(BadRecord, errors.New("a record inside something that is no record"))
	}
	return nil
}

// keyText is the text of a quoted key. It aliases the key, if that has no escapes.
func keyText(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return unquote(nil, quoted)
	}
	return quoted[1 : len(quoted)-1]
}

// eachField calls each for every member of a JSON object, in order, with the key
// unquoted and the value raw. Raw values alias the object.
func eachField(raw []byte, each func(key string, value []byte)) error {
	w := walk{buf: raw}
	if w.skipSpace() != '{' {
		return errSyntax
	}
	w.pos++
	for {
		switch w.skipSpace() {
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
		if err := w.skipString(); err != nil {
			return err
		}
		key := keyText(raw[at:w.pos])
		if err := w.expectByte(':'); err != nil {
			return err
		}
		w.skipSpace()
		at = w.pos
		if err := w.skipValue(); err != nil {
			return err
		}
		each(string(key), raw[at:w.pos])
		if w.skipSpace() == ',' {
			w.pos++
		}
	}
}
