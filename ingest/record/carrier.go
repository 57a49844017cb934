package record

import (
	"bytes"
	"errors"
	"fmt"

	"trailgate/ingest/signin"
)

// arrayShape says what the elements of an array are.
type arrayShape uint8

const (
	top       arrayShape = iota // records or envelopes of any kind
	records                     // Records: records
	events                      // Events: elements of a LookupEvents page
	logEvents                   // logEvents: CloudWatch Logs events
)

// containerOf gives the shape of the array under a top-level key. It is top if the
// key does not name an array of records.
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

// envelope has the fields of a carrier, which is the document around a record. They
// are used if the record inside does not have them. Values are raw JSON.
type envelope struct {
	id, time, name, source, user, account, region []byte
}

// emitCandidate decodes a value that may be a sign-in, and yields it if it is one.
// The parameter in says what the array around the value holds. A value that is too
// large or cannot be read is reported as an error. It returns errStop if the
// consumer wants no more.
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

// emitByKeys finds out from the keys of a top-level object what it is, and yields
// the sign-in in it. An object with an eventName is a record, whatever its other
// members are. An object without any known key is reported as BadLine.
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
	return w.reportRecord(BadLine, errors.New("JSON with the text "+token+" that is neither a CloudTrail record nor a known carrier of one"))
}

// emitLookup reads an element of a LookupEvents page and yields the sign-in in its
// CloudTrailEvent. The other fields fill what the record lacks. An element named
// ConsoleLogin without a CloudTrailEvent is reported as BadRecord.
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

// emitEventBridge reads an EventBridge envelope and yields the sign-in in its
// detail. The envelope's time, account and region fill what the record lacks.
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

// emitLogEvent reads a CloudWatch Logs event and yields the sign-in in its message.
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

// emitDump reads the record in an envelope of a log store, and yields it if it is a
// sign-in. The parameter inner is the value of Splunk's _raw or of Elastic's event,
// whose member original has the record.
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

// emitNested reads a record that an envelope holds as an object or as a string, and
// yields it if it is a sign-in. The fields of o fill what the record lacks. Any
// other value goes to reportLostRecord.
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

// holdsObject reports whether a raw value is an object, or a string that begins
// like one.
func holdsObject(raw []byte) bool {
	raw = bytes.TrimLeft(raw, `" `)
	return len(raw) > 0 && raw[0] == '{'
}

// reportLostRecord handles a value that is not a record although a record is
// expected there. If the value contains both ConsoleLogin and eventName, it is
// reported as BadRecord: a sign-in that cannot be read. Any other value is ignored.
func (w *walk) reportLostRecord(b []byte) error {
	if bytes.Contains(b, []byte(token)) && bytes.Contains(b, []byte("eventName")) {
		return w.reportRecord(BadRecord, errors.New("a record in a place where it cannot be read"))
	}
	return nil
}

// keyText returns the text of a quoted key. It aliases the key if that has no
// escapes.
func keyText(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return unquote(nil, quoted)
	}
	return quoted[1 : len(quoted)-1]
}

// eachField calls each for every member of a JSON object, in order. The key is
// unquoted, and the value is raw JSON that aliases the object. A missing comma is
// accepted. It returns errEnd or errSyntax if raw is not a whole object. The
// members before the damage have then been passed on.
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
