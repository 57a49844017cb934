package record_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest/record"
	"trailgate/ingest/signin"
)

// rec is a sign-in record with the given extra members.
func rec(id string, extra ...string) string {
	s := `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDACKCEVSQ6C2EXAMPLE",` +
		`"arn":"arn:aws:iam::111122223333:user/ops/alice","accountId":"111122223333","userName":"alice"},` +
		`"eventTime":"2026-03-01T10:00:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin",` +
		`"awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.10","userAgent":"Mozilla/5.0","responseElements":{"ConsoleLogin":"Success"},` +
		`"additionalEventData":{"LoginTo":"https://console.aws.amazon.com/?a\u003db\u0026c","MobileVersion":"No","MFAUsed":"Yes"},` +
		`"eventID":"` + id + `","recipientAccountId":"111122223333",` +
		`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"eu-west-1.signin.aws.amazon.com"}`
	for _, x := range extra {
		s += "," + x
	}
	return s + "}"
}

// without is rec("1") without the member of the given name, whose value is text.
func without(name string) string {
	before, rest, _ := strings.Cut(rec("1"), `"`+name+`":"`)
	_, after, _ := strings.Cut(rest, `",`)
	return before + after
}

// quote makes a JSON string of a text.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// found is the result of a scan: event ids with their carrier, and kinds of errors.
type found struct {
	IDs   []string
	Kinds []record.Kind
}

func collect(t testing.TB, seq func(func(signin.Event, error) bool)) found {
	t.Helper()
	var f found
	for e, err := range seq {
		if err != nil {
			var re *record.Error
			if !errors.As(err, &re) {
				t.Fatalf("not a *record.Error: %v", err)
			}
			f.Kinds = append(f.Kinds, re.Kind)
			continue
		}
		if e.Origin != "o" {
			t.Errorf("origin %q", e.Origin)
		}
		f.IDs = append(f.IDs, e.Carrier.String()+" "+e.ID)
	}
	return f
}

const api = `{"eventVersion":"1.09","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","eventID":"x","eventTime":"2026-03-01T10:00:00Z"}`

func TestScanShapes(t *testing.T) {
	alike := rec("nested")
	for _, c := range []struct {
		name, doc string
		want      found
	}{
		{"records", `{"Records":[` + api + `,` + rec("1") + `,` + api + `,` + rec("2") + `]}`, found{IDs: []string{"trail 1", "trail 2"}}},
		{"records none", `{"Records":[` + api + `]}`, found{}},
		{"records empty", `{"Records":[]}`, found{}},
		{"records spread over lines", "{\n \"Records\": [\n" + rec("1") + ",\n" + rec("2") + "\n ]\n}\n", found{IDs: []string{"trail 1", "trail 2"}}},
		{"records after other members", `{"a":{"Records":[` + alike + `]},"b":[1,"]"],"Records":[` + rec("1") + `],"z":0}`, found{IDs: []string{"trail 1"}}},
		{"records as strings", `{"Records":[` + quote(rec("1")) + `]}`, found{IDs: []string{"trail 1"}}},
		{"bare record", rec("1"), found{IDs: []string{"record 1"}}},
		{"byte order mark", "\ufeff" + rec("1"), found{IDs: []string{"record 1"}}},
		{"array", `[` + rec("1") + `,` + api + `,` + rec("2") + `]`, found{IDs: []string{"record 1", "record 2"}}},
		{"array of documents", `[{"Records":[` + rec("1") + `]}]`, found{Kinds: []record.Kind{record.BadLine}}},
		{"array in an array", `{"Records":[[` + rec("1") + `]]}`, found{Kinds: []record.Kind{record.BadRecord}}},
		{"envelope in Records", `{"Records":[{"detail":` + rec("1") + `}]}`, found{Kinds: []record.Kind{record.BadRecord}}},
		{"elastic with a message", `{"message":"ConsoleLogin","event":{"original":` + quote(rec("1")) + `}}`, found{IDs: []string{"record 1"}}},
		{"syslog before the record", `{"message":` + quote("<13> host "+rec("1")) + `}`, found{Kinds: []record.Kind{record.BadRecord}}},
		{"lookup without the record", `{"Events":[{"EventId":"1","EventName":"ConsoleLogin","Username":"alice"}]}`, found{Kinds: []record.Kind{record.BadRecord}}},
		{"NUL between documents", rec("1") + "\x00" + rec("2"), found{IDs: []string{"record 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"NUL between records", `{"Records":[` + rec("1") + ",\x00" + rec("2") + `]}`, found{IDs: []string{"trail 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"broken line without the text", rec("1") + "\n" + api[:40] + "}\n" + rec("3"), found{IDs: []string{"record 1", "record 3"}, Kinds: []record.Kind{record.BadLine}}},
		{"text before the lines", "# exported\n" + rec("1") + "\n" + rec("2"), found{IDs: []string{"record 1", "record 2"}, Kinds: []record.Kind{record.BadLine}}},
		{"byte order mark before each file", "\ufeff" + `{"Records":[` + rec("1") + "]}\ufeff" + `{"Records":[` + rec("2") + `]}`, found{IDs: []string{"trail 1", "trail 2"}}},
		{"byte order mark among spaces", " \ufeff\n" + rec("1") + " \ufeff \ufeff" + rec("2") + "\ufeff\n", found{IDs: []string{"record 1", "record 2"}}},
		{"byte order mark and nothing", "\ufeff", found{Kinds: []record.Kind{record.Empty}}},
		{"byte order mark cut off", rec("1") + "\xef\xbb", found{IDs: []string{"record 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"byte order mark between records", `{"Records":[` + rec("1") + ",\ufeff" + rec("2") + `]}`, found{IDs: []string{"trail 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"byte order mark in a line", rec("1") + "\n" + rec("2") + "\ufeff" + rec("3") + "\n \ufeff \n" + rec("4") + "\ufeff\n", found{IDs: []string{"record 1", "record 2", "record 3", "record 4"}}},
		{"byte order mark before a later line", rec("1") + "\n\ufeff" + rec("2"), found{IDs: []string{"record 1", "record 2"}}},
		{"cut behind a nested array", `{"Records":[` + rec("1") + `,{"eventVersion":"1.08","resources":[{"ARN":"x"}]}`, found{IDs: []string{"trail 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"text in UTF-16", "\xff\xfe{\x00C\x00o\x00n\x00s\x00o\x00l\x00e\x00L\x00o\x00g\x00i\x00n\x00", found{Kinds: []record.Kind{record.NoCarrier}}},
		{"other text", "hello, world", found{Kinds: []record.Kind{record.Other}}},
		{"lines", rec("1") + "\n" + api + "\n" + rec("2"), found{IDs: []string{"record 1", "record 2"}}},
		{"lines with CRLF and blank ones", rec("1") + "\r\n\r\n" + rec("2") + "\r\n", found{IDs: []string{"record 1", "record 2"}}},
		{"lines of files", `{"Records":[` + rec("1") + "]}\n" + `{"Records":[` + rec("2") + "]}\n", found{IDs: []string{"trail 1", "trail 2"}}},
		{"files end to end", `{"Records":[` + rec("1") + `]}{"Records":[` + rec("2") + `]}`, found{IDs: []string{"trail 1", "trail 2"}}},
		{"eventbridge", `{"version":"0","detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin","detail":` + rec("1") + `}`, found{IDs: []string{"eventbridge 1"}}},
		{"eventbridge with a string", `{"detail-type":"x","detail":` + quote(rec("1")) + `}`, found{IDs: []string{"eventbridge 1"}}},
		{"lookup page", `{"Events":[{"EventId":"1","CloudTrailEvent":` + quote(rec("1")) + `},{"EventId":"2","CloudTrailEvent":` + quote(api) + `}],"NextToken":"t"}`, found{IDs: []string{"lookup 1"}}},
		{"lookup event by itself", `{"EventId":"1","CloudTrailEvent":` + rec("1") + `}`, found{IDs: []string{"lookup 1"}}},
		{"cloudwatch", `{"messageType":"DATA_MESSAGE","logEvents":[{"id":"3","timestamp":1,"message":` + quote(rec("1")) + `},{"message":"ConsoleLogin in plain words"}]}`, found{IDs: []string{"cloudwatch 1"}}},
		{"cloudwatch with an object", `{"logEvents":[{"message":` + rec("1") + `}]}`, found{IDs: []string{"cloudwatch 1"}}},
		{"cloudwatch envelopes end to end", `{"logEvents":[{"message":` + quote(rec("1")) + `}]}{"logEvents":[{"message":` + quote(rec("2")) + `}]}`, found{IDs: []string{"cloudwatch 1", "cloudwatch 2"}}},
		{"splunk", `{"_raw":` + quote(rec("1")) + `}`, found{IDs: []string{"record 1"}}},
		{"elastic", `{"event":{"original":` + quote(rec("1")) + `}}`, found{IDs: []string{"record 1"}}},
		{"escaped name", strings.ReplaceAll(rec("1"), `"ConsoleLogin",`, `"C\u006fnsoleLogi\u006E",`), found{IDs: []string{"record 1"}}},
		{"escaped key", strings.Replace(rec("1"), `"eventName"`, `"event\u004eame"`, 1), found{IDs: []string{"record 1"}}},

		{"look-alike in request parameters", `{"Records":[` + strings.Replace(api, `{`, `{"requestParameters":{"a":`+alike+`,"Records":[`+alike+`]},`, 1) + `]}`, found{}},
		{"look-alike in a string", `{"Records":[` + strings.Replace(api, `{`, `{"requestParameters":{"p":`+quote(`"},`+alike+`,{"`)+`},`, 1) + `]}`, found{}},
		{"metric filter", `{"Records":[{"eventSource":"logs.amazonaws.com","eventName":"PutMetricFilter","requestParameters":{"filterPattern":"{ ($.eventName = \"ConsoleLogin\") && ($.eventSource = \"signin.amazonaws.com\") }"}}]}`, found{}},
		{"lookup call", `{"Records":[{"eventSource":"cloudtrail.amazonaws.com","eventName":"LookupEvents","requestParameters":{"lookupAttributes":[{"attributeKey":"EventName","attributeValue":"ConsoleLogin"}]}}]}`, found{}},
		{"other source", strings.Replace(rec("1"), "signin.amazonaws.com", "example.amazonaws.com", 1), found{}},
		{"record with detail", rec("1", `"detail":`+alike), found{IDs: []string{"record 1"}}},
		{"record with a container", strings.Replace(api, `}`, `,"Records":[`+alike+`],"Events":[{"CloudTrailEvent":`+quote(alike)+`}],"logEvents":[{"message":`+quote(alike)+`}]}`, 1), found{}},
		{"record with a container, among lines", api + "\n" + strings.Replace(api, `}`, `,"Records":[`+alike+`]}`, 1) + "\n" + rec("1") + "\n", found{IDs: []string{"record 1"}}},
		{"sign-in with a container", rec("1", `"Records":[`+alike+`]`), found{IDs: []string{"record 1"}}},
		{"container with an escaped name", `{"\u0052ecords":[` + rec("1") + `]}`, found{IDs: []string{"trail 1"}}},
		{"last of two counts", rec("1", `"eventName":"CheckMfa"`), found{}},

		{"no id", `{"Records":[` + rec("") + `,` + rec("2") + `]}`, found{IDs: []string{"trail 2"}, Kinds: []record.Kind{record.NoID}}},
		{"no time", `{"Records":[` + rec("1", `"eventTime":null`) + `,` + rec("2") + `]}`, found{IDs: []string{"trail 2"}, Kinds: []record.Kind{record.NoTime}}},
		{"unreadable time", rec("1", `"eventTime":"yesterday"`), found{Kinds: []record.Kind{record.NoTime}}},
		{"sign-in without a source", `{"Records":[` + without("eventSource") + `,` + rec("2") + `]}`, found{IDs: []string{"trail 2"}, Kinds: []record.Kind{record.BadRecord}}},
		{"source of no text", `{"Records":[` + rec("1", `"eventSource":["signin.amazonaws.com"]`) + `,` + rec("2") + `]}`, found{IDs: []string{"trail 2"}, Kinds: []record.Kind{record.BadRecord}}},
		{"source null", rec("1", `"eventSource":null`), found{Kinds: []record.Kind{record.BadRecord}}},
		{"source empty", rec("1", `"eventSource":""`), found{Kinds: []record.Kind{record.BadRecord}}},
		{"source a number", rec("1", `"eventSource":5`), found{Kinds: []record.Kind{record.BadRecord}}},
		{"source of the envelope", `{"Events":[{"EventSource":"signin.amazonaws.com","CloudTrailEvent":` + quote(without("eventSource")) + `}]}`, found{IDs: []string{"lookup 1"}}},
		{"name of no text", `{"Records":[` + rec("1", `"eventName":["ConsoleLogin"]`) + `,` + rec("2") + `]}`, found{IDs: []string{"trail 2"}, Kinds: []record.Kind{record.BadRecord}}},
		{"name null, other source", `{"Records":[` + strings.Replace(rec("1", `"eventName":null`), "signin.amazonaws.com", "example.amazonaws.com", 1) + `]}`, found{}},
		{"other name without a source", `{"Records":[{"eventName":"PutMetricFilter","requestParameters":{"a":"ConsoleLogin"}}]}`, found{}},
		{"broken line", rec("1") + "\n" + rec("2")[:80] + "\n" + rec("3"), found{IDs: []string{"record 1", "record 3"}, Kinds: []record.Kind{record.BadLine}}},
		{"broken first line", `{"eventName":"ConsoleLogin` + "\n" + rec("2") + "\n" + rec("3"), found{IDs: []string{"record 2", "record 3"}, Kinds: []record.Kind{record.BadLine}}},
		{"cut in a record", (`{"Records":[` + rec("1") + `,` + rec("2"))[:1000], found{IDs: []string{"trail 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"cut behind the last sign-in", `{"Records":[` + rec("1") + `,{"eventName":"Desc`, found{IDs: []string{"trail 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"cut between records", `{"Records":[` + api, found{Kinds: []record.Kind{record.BadJSON}}},
		{"cut between records behind a sign-in", `{"Records":[` + rec("1") + "," + api, found{IDs: []string{"trail 1"}, Kinds: []record.Kind{record.BadJSON}}},
		{"cut without a sign-in", `{"Records":[{"eventName":"Desc`, found{Kinds: []record.Kind{record.BadJSON}}},
		{"broken record among others", `{"Records":[{"eventName":"ConsoleLogin",7:8},` + rec("2") + `]}`, found{IDs: []string{"trail 2"}, Kinds: []record.Kind{record.BadRecord}}},
		{"text", "Event time,User name\nConsoleLogin", found{Kinds: []record.Kind{record.NoCarrier}}},
		{"nothing", " \n", found{Kinds: []record.Kind{record.Empty}}},
		{"other JSON", `{"note":"ConsoleLogin"}`, found{Kinds: []record.Kind{record.BadLine}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			if diff := cmp.Diff(c.want, collect(t, s.Scan([]byte(c.doc), "o"))); diff != "" {
				t.Errorf("Scan (-want +got):\n%s", diff)
			}
			for _, window := range []int{0, 16, 300, 5000} {
				s := record.Scanner{Window: window}
				got := collect(t, s.ScanReader(iotest.OneByteReader(strings.NewReader(c.doc)), "o", 0))
				if window == 0 || window > 1000 || !strings.Contains(c.name, "line") && !strings.Contains(c.name, "text") { // such a small window cannot recognise lines
					if diff := cmp.Diff(c.want, got); diff != "" && !laterEnd(c.want, got) {
						t.Errorf("ScanReader with window %d (-want +got):\n%s", window, diff)
					}
				}
			}
		})
	}
}

// laterEnd accepts that a stream and a document in memory report the same damage
// in different words: only the stream is walked to its end.
func laterEnd(a, b found) bool {
	return cmp.Equal(a.IDs, b.IDs) && len(a.Kinds) == 1 && len(b.Kinds) == 1
}

func TestDecode(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	full := signin.Event{
		ID: "1", Time: at, Version: "1.08", Account: "111122223333", Region: "eu-west-1",
		Identity: signin.Identity{Type: "IAMUser", Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/ops/alice",
			PrincipalID: "AIDACKCEVSQ6C2EXAMPLE", UserName: "alice"},
		Outcome: signin.Success, MFA: signin.MFAYes, Mobile: signin.No, SourceIP: "192.0.2.10", UserAgent: "Mozilla/5.0",
		LoginTo: "https://console.aws.amazon.com/?a=b&c", Host: "eu-west-1.signin.aws.amazon.com",
		TLSVersion: "TLSv1.3", TLSCipher: "TLS_AES_128_GCM_SHA256", Carrier: signin.Record, Origin: "o",
	}
	for _, c := range []struct {
		name  string
		extra string
		want  func(e *signin.Event)
	}{
		{"as it is", `"readOnly":false`, func(e *signin.Event) {}},
		{"booleans for Yes and No", `"additionalEventData":{"MobileVersion":true,"MFAUsed":false}`, func(e *signin.Event) {
			e.LoginTo, e.Mobile, e.MFA = "", signin.Yes, signin.MFANo
		}},
		{"upper case", `"additionalEventData":{"MFAUsed":"YES"},"responseElements":{"ConsoleLogin":"FAILURE"}`, func(e *signin.Event) {
			e.LoginTo, e.Mobile, e.Outcome = "", signin.Unset, signin.Failure
		}},
		{"numbers for text", `"userAgent":7,"recipientAccountId":12345678901`, func(e *signin.Event) {
			e.UserAgent, e.Account = "7", "012345678901"
		}},
		{"objects for text", `"userAgent":{"a":1},"awsRegion":["x"]`, func(e *signin.Event) {
			e.UserAgent, e.Region, e.Malformed = "", "", true
		}},
		{"text for objects", `"tlsDetails":"none","additionalEventData":"x"`, func(e *signin.Event) {
			e.Host, e.TLSVersion, e.TLSCipher = "", "", ""
			e.LoginTo, e.Mobile, e.MFA, e.Malformed = "", signin.Unset, signin.MFAUnknown, true
		}},
		{"no text for words", `"awsRegion":5,"sourceIPAddress":true,"vpcEndpointId":1,"recipientAccountId":true`, func(e *signin.Event) {
			e.Region, e.SourceIP, e.Malformed = "", "", true
		}},
		{"no text for the outcome", `"responseElements":{"ConsoleLogin":true}`, func(e *signin.Event) {
			e.Outcome, e.Malformed = signin.OutcomeUnknown, true
		}},
		{"number for the outcome", `"responseElements":{"ConsoleLogin":5},"errorMessage":"no"`, func(e *signin.Event) {
			e.Outcome, e.ErrorMessage, e.Malformed = signin.Failure, "no", true
		}},
		{"number for a host", `"tlsDetails":{"clientProvidedHostHeader":5}`, func(e *signin.Event) {
			e.Host, e.TLSVersion, e.TLSCipher, e.Malformed = "", "", "", true
		}},
		{"boolean for a host", `"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":true}`, func(e *signin.Event) {
			e.Host, e.Malformed = "", true
		}},
		{"null for a host", `"tlsDetails":{"clientProvidedHostHeader":null}`, func(e *signin.Event) {
			e.Host, e.TLSVersion, e.TLSCipher = "", "", ""
		}},
		{"numbers for Yes and No", `"additionalEventData":{"MobileVersion":5,"MFAUsed":5}`, func(e *signin.Event) {
			e.LoginTo, e.Mobile, e.MFA, e.Malformed = "", signin.Unset, signin.MFAUnknown, true
		}},
		{"nulls for Yes and No", `"additionalEventData":{"MobileVersion":null,"MFAUsed":null}`, func(e *signin.Event) {
			e.LoginTo, e.Mobile, e.MFA = "", signin.Unset, signin.MFAUnknown
		}},
		{"a number for the original", `"addendum":{"reason":5,"originalEventID":true}`, func(e *signin.Event) { e.Malformed = true }},
		{"nulls", `"tlsDetails":null,"additionalEventData":null,"responseElements":null,"userAgent":null`, func(e *signin.Event) {
			e.Host, e.TLSVersion, e.TLSCipher, e.UserAgent = "", "", "", ""
			e.LoginTo, e.Mobile, e.MFA, e.Outcome = "", signin.Unset, signin.MFAUnknown, signin.OutcomeUnknown
		}},
		{"objects written as strings", `"responseElements":"{\"ConsoleLogin\":\"Failure\"}"`, func(e *signin.Event) { e.Outcome = signin.Failure }},
		{"an error and no outcome", `"responseElements":null,"errorCode":"AccessDenied","errorMessage":"no"`, func(e *signin.Event) {
			e.Outcome, e.ErrorCode, e.ErrorMessage = signin.Failure, "AccessDenied", "no"
		}},
		{"update", `"addendum":{"reason":"UPDATED_DATA","originalEventID":"0"}`, func(e *signin.Event) { e.OriginalID, e.Updated = "0", true }},
		{"addendum", `"addendum":{"reason":"DELIVERY_DELAY","originalEventID":"0"}`, func(e *signin.Event) { e.OriginalID = "0" }},
		{"endpoint by its old key", `"additionalEventData":{"x-amzn-vpce-id":"vpce-0example"}`, func(e *signin.Event) {
			e.VPCEndpoint, e.LoginTo, e.Mobile, e.MFA = "vpce-0example", "", signin.Unset, signin.MFAUnknown
		}},
		{"no recipient", `"recipientAccountId":null`, func(e *signin.Event) {}},
		{"time as a database writes it", `"eventTime":"2026-03-01 10:00:00.5"`, func(e *signin.Event) { e.Time = at.Add(time.Second / 2) }},
		{"time with an offset", `"eventTime":"2026-03-01T12:00:00+02:00"`, func(e *signin.Event) {}},
		{"time in seconds", fmt.Sprintf(`"eventTime":%d`, at.Unix()), func(e *signin.Event) {}},
		{"time in milliseconds", fmt.Sprintf(`"eventTime":%d`, at.UnixMilli()), func(e *signin.Event) {}},
		{"raw control character", "\"userAgent\":\"a\tb\"", func(e *signin.Event) { e.UserAgent = "a\tb" }},
		{"surrogates", `"userAgent":"\ud83d\ude00 \ud83d \u0000"`, func(e *signin.Event) { e.UserAgent = "😀 \ufffd \x00" }},
		{"session issuer", `"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/R/s","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/p/R"}}}`,
			func(e *signin.Event) {
				e.Identity = signin.Identity{Type: "AssumedRole", ARN: "arn:aws:sts::111122223333:assumed-role/R/s", IssuerARN: "arn:aws:iam::111122223333:role/p/R"}
				e.MFA = signin.MFAUnknown
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := full
			c.want(&want)
			var s record.Scanner
			n := 0
			for got, err := range s.Scan([]byte(rec("1", c.extra)), "o") {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				n++
			}
			if n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// TestTypes puts a value of another type into each field. The value must be kept
// as text, or the event marked as malformed.
func TestTypes(t *testing.T) {
	var s record.Scanner
	one := func(extra string) (e signin.Event) {
		for got, err := range s.Scan([]byte(rec("1", extra)), "o") {
			if err != nil {
				t.Fatalf("%s: %v", extra, err)
			}
			e = got
		}
		return e
	}
	for _, field := range []string{
		`"eventVersion":%s`, `"awsRegion":%s`, `"sourceIPAddress":%s`, `"userAgent":%s`, `"errorCode":%s`, `"errorMessage":%s`,
		`"recipientAccountId":%s`, `"vpcEndpointId":%s`, `"userIdentity":%s`, `"additionalEventData":%s`, `"responseElements":%s`,
		`"tlsDetails":%s`, `"addendum":%s`, `"userIdentity":{"type":%s}`, `"userIdentity":{"accountId":%s}`, `"userIdentity":{"arn":%s}`,
		`"userIdentity":{"principalId":%s}`, `"userIdentity":{"userName":%s}`, `"userIdentity":{"sessionContext":%s}`,
		`"userIdentity":{"sessionContext":{"sessionIssuer":%s}}`, `"userIdentity":{"sessionContext":{"sessionIssuer":{"arn":%s}}}`,
		`"additionalEventData":{"LoginTo":%s}`, `"additionalEventData":{"MobileVersion":%s}`, `"additionalEventData":{"MFAUsed":%s}`,
		`"additionalEventData":{"SamlProviderArn":%s}`, `"additionalEventData":{"x-amzn-vpce-id":%s}`, `"responseElements":{"ConsoleLogin":%s}`,
		`"tlsDetails":{"tlsVersion":%s}`, `"tlsDetails":{"cipherSuite":%s}`, `"tlsDetails":{"clientProvidedHostHeader":%s}`,
		`"addendum":{"reason":%s}`, `"addendum":{"originalEventID":%s}`,
	} {
		absent := one(fmt.Sprintf(field, "null"))
		if absent.Malformed {
			t.Errorf(field+" is malformed", "null")
		}
		for _, value := range []string{`5`, `true`, `{"a":1}`, `["a"]`} {
			extra := fmt.Sprintf(field, value)
			if got := one(extra); !got.Malformed && cmp.Equal(got, absent) && value != `{"a":1}` {
				t.Errorf("%s was dropped without a word", extra)
			}
		}
	}
}

func TestOuterFieldsFillIn(t *testing.T) {
	for identity, want := range map[string]string{
		`{"type":"IAMUser","userName":"alice"}`:         "alice",
		`{"type":"IAMUser","accountId":"111122223333"}`: "bob",
		`null`: "bob",
		`{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user"}`: "",
		`{"type":"AssumedRole","accountId":"111122223333"}`:         "", // it is the session's name
		`{"type":"Root","accountId":"111122223333"}`:                "",
	} {
		outerFields(t, identity, want)
	}
}

func outerFields(t *testing.T, identity, user string) {
	t.Helper()
	inner := quote(`{"userIdentity":` + identity + `,"responseElements":{"ConsoleLogin":"Success"}}`)
	doc := `{"Events":[{"EventId":"9","EventTime":1772359200.0,"EventName":"ConsoleLogin","EventSource":"signin.amazonaws.com","Username":"bob","CloudTrailEvent":` + inner + `}]}`
	var s record.Scanner
	for e, err := range s.Scan([]byte(doc), "o") {
		if err != nil {
			t.Fatal(err)
		}
		if e.ID != "9" || !e.Time.Equal(time.Unix(1772359200, 0)) || e.Identity.UserName != user {
			t.Errorf("%s: got %+v", identity, e)
		}
		return
	}
	t.Error("no event")
}

func TestEarlyStop(t *testing.T) {
	doc := `{"Records":[` + rec("1") + `,` + rec("2") + `]}` + "\n" + `{"Records":[` + rec("3") + `,{`
	var s record.Scanner
	for range s.Scan([]byte(doc), "o") {
		break
	}
	for range s.ScanReader(strings.NewReader(doc), "o", 0) {
		break
	}
}

func TestScanReaderMemoryIsBounded(t *testing.T) {
	// A record larger than the limit, in a stream that never ends.
	endless := io.MultiReader(strings.NewReader(`{"Records":[`+rec("1")+`,{"a":"`), forever{})
	s := record.Scanner{Window: 1 << 12}
	got := collect(t, s.ScanReader(endless, "o", 1<<16))
	if diff := cmp.Diff(found{IDs: []string{"trail 1"}, Kinds: []record.Kind{record.TooLarge}}, got); diff != "" {
		t.Error(diff)
	}
}

type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestRecordsAreBounded(t *testing.T) {
	long := rec("1", `"userAgent":"`+strings.Repeat("a", 1000)+`"`)
	s := record.Scanner{MaxRecord: 1500}
	got := collect(t, s.Scan([]byte(`{"Records":[`+long+`,`+rec("2")+`]}`), "o"))
	if diff := cmp.Diff(found{IDs: []string{"trail 2"}, Kinds: []record.Kind{record.BadRecord}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReaderFails(t *testing.T) {
	r := io.MultiReader(strings.NewReader(rec("1")+"\n"+rec("2")+"\n"), iotest.ErrReader(errors.New("cut")))
	var s record.Scanner
	got := collect(t, s.ScanReader(r, "o", 0))
	if diff := cmp.Diff(found{IDs: []string{"record 1", "record 2"}, Kinds: []record.Kind{record.BadReader}}, got); diff != "" {
		t.Error(diff)
	}
}

func pack(t testing.TB, docs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, d := range docs {
		z := gzip.NewWriter(&b)
		if _, err := io.WriteString(z, d); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestInflate(t *testing.T) {
	one := pack(t, "one")
	two := pack(t, "one", strings.Repeat("two", 1000))
	flip := bytes.Clone(two)
	flip[len(flip)-6] ^= 1
	for _, c := range []struct {
		name   string
		packed []byte
		limit  int64
		want   string
		kind   record.Kind
	}{
		{"plain", []byte("{}"), 0, "{}", 0},
		{"one member", one, 0, "one", 0},
		{"two members", two, 0, "one" + strings.Repeat("two", 1000), 0},
		{"nothing inside", pack(t, ""), 0, "", 0},
		{"no bytes", nil, 0, "", record.Empty},
		{"cut", one[:len(one)-9], 0, "", record.Truncated},
		{"cut in the header", one[:5], 0, "", record.Truncated},
		{"cut in the second member", two[:len(two)-1], 0, "one", record.Truncated},
		{"bad checksum in the second member", flip, 0, "one", record.Corrupt},
		{"bad header", append([]byte{0x1f, 0x8b, 9}, one[3:]...), 0, "", record.Corrupt},
		{"garbage behind", append(bytes.Clone(one), "garbage, and more than ten bytes"...), 0, "one", record.Trailing},
		{"one byte behind", append(bytes.Clone(one), 0), 0, "one", record.Trailing},
		{"over the limit", two, 2000, "one", record.TooLarge},
		{"plain over the limit", []byte("{  }"), 3, "", record.TooLarge},
		{"just at the limit", one, 3, "one", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s record.Scanner
			got, err := s.Inflate(nil, c.packed, c.limit)
			var re *record.Error
			if errors.As(err, &re) != (c.kind != 0) || re != nil && re.Kind != c.kind {
				t.Errorf("error %v, want kind %d", err, c.kind)
			}
			if string(got) != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestInflateDoesNotBelieveTheTrailer(t *testing.T) {
	packed := pack(t, "tiny")
	for i := range 4 {
		packed[len(packed)-1-i] = 0xff
	}
	var s record.Scanner
	if got, err := s.Inflate(nil, packed, 0); err == nil || cap(got) > 1<<16 {
		t.Errorf("%d bytes reserved, error %v", cap(got), err)
	}
}

func TestScanReaderGzip(t *testing.T) {
	packed := pack(t, `{"Records":[`+rec("1")+`]}`, `{"Records":[`+rec("2")+`]}`)
	s := record.Scanner{Window: 64}
	got := collect(t, s.ScanReader(bytes.NewReader(packed), "o", 0))
	if diff := cmp.Diff(found{IDs: []string{"trail 1", "trail 2"}}, got); diff != "" {
		t.Error(diff)
	}
	got = collect(t, s.ScanReader(bytes.NewReader(packed[:len(packed)-4]), "o", 0))
	if diff := cmp.Diff(found{IDs: []string{"trail 1", "trail 2"}, Kinds: []record.Kind{record.Truncated}}, got); diff != "" {
		t.Error(diff)
	}
}
