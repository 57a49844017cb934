// Package signin holds one decoded console sign-in. It stores the facts of a
// CloudTrail ConsoleLogin record and computes the key of the person behind it. It
// imports only the standard library and does no I/O and no JSON. Package analyzer
// interprets the facts.
package signin

import "time"

// Event is one ConsoleLogin record, decoded. Text fields hold what the record
// says, unchanged. An empty string, a zero time and the zero value of an
// enumeration mean that the record does not say. An Event owns its strings: none
// of them shares memory with a read buffer. So it may be kept, and shared between
// goroutines while nobody writes to it.
type Event struct {
	ID         string    // eventID
	OriginalID string    // addendum.originalEventID of a record that was delivered again or updated
	Updated    bool      // addendum.reason is UPDATED_DATA: this copy corrects the original
	Time       time.Time // eventTime, UTC
	Version    string    // eventVersion
	Account    string    // recipientAccountId, else the identity's account
	Region     string    // awsRegion as written; "global" on some EventBridge copies
	Identity   Identity

	Outcome      Outcome
	ErrorCode    string
	ErrorMessage string
	MFA          MFA
	Mobile       Flag // additionalEventData.MobileVersion

	SourceIP     string // sourceIPAddress: an address, or a DNS name
	UserAgent    string
	LoginTo      string // additionalEventData.LoginTo: the destination console, not the endpoint
	SAMLProvider string // additionalEventData.SamlProviderArn
	VPCEndpoint  string // vpcEndpointId, else additionalEventData.x-amzn-vpce-id

	Host       string // tlsDetails.clientProvidedHostHeader
	TLSVersion string
	TLSCipher  string

	Carrier   Carrier
	Origin    string // object or file it was read from
	Malformed bool   // a field had a JSON type that cannot be read; the rest was kept
}

// Outcome is the result of the attempt.
type Outcome uint8

// The outcomes, from responseElements.ConsoleLogin.
const (
	OutcomeUnknown Outcome = iota
	Success
	Failure
)

// String gives the word of the outcome column.
func (o Outcome) String() string {
	switch o {
	case Success:
		return "success"
	case Failure:
		return "failure"
	}
	return "unknown"
}

// MFA tells whether AWS saw a second factor. It is always MFAUnknown for
// federated principals. Their identity provider asks for the second factor and
// AWS cannot see it, so CloudTrail writes "No" (CloudTrail User Guide, "AWS
// Management Console sign-in events").
type MFA uint8

// The values of the mfa column.
const (
	MFAUnknown MFA = iota
	MFAYes
	MFANo
)

// String gives the word of the mfa column.
func (m MFA) String() string {
	switch m {
	case MFAYes:
		return "yes"
	case MFANo:
		return "no"
	}
	return "unknown"
}

// Flag is a boolean that the record may leave out.
type Flag uint8

// The values of a Flag.
const (
	Unset Flag = iota
	Yes
	No
)

// Carrier is the form in which a record was read.
type Carrier uint8

// The carriers, in the order in which Merge prefers equal copies.
const (
	CarrierUnknown Carrier = iota
	Trail                  // a Records file
	Lookup                 // LookupEvents: Events[].CloudTrailEvent
	EventBridge            // an envelope with detail and detail-type
	CloudWatch             // CloudWatch Logs: logEvents[].message
	Record                 // a bare record
)

// String gives the word of the carrier column.
func (c Carrier) String() string {
	switch c {
	case Trail:
		return "trail"
	case Lookup:
		return "lookup"
	case EventBridge:
		return "eventbridge"
	case CloudWatch:
		return "cloudwatch"
	case Record:
		return "record"
	}
	return "unknown"
}
