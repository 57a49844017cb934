package row

import "time"

// The types below are the one list of columns from which every format is made.
// The parquet tag of a field gives its column the name and the Parquet type, and
// says whether a value may be null. The doc tag says what the column means. The
// columns have the order of the fields.

// SignIn is one row of signins. An empty text, a zero Date and a nil pointer
// mean that the record does not have this value. It is then empty in CSV and
// null in the other formats. EventTime is written in UTC, in whole milliseconds.
type SignIn struct {
	EventTime       time.Time `parquet:"event_time,timestamp(millisecond)" doc:"when it happened"`
	EventID         string    `parquet:"event_id" doc:"CloudTrail eventID"`
	OriginalEventID string    `parquet:"original_event_id,optional" doc:"eventID of the record that this one corrects or delivers again (addendum.originalEventID)"`
	AccountID       string    `parquet:"account_id,optional,dict" doc:"account whose log has the record: recipientAccountId, or else the account of the identity"`
	RecordedRegion  string    `parquet:"recorded_region,optional,dict" doc:"awsRegion as written, global included"`
	Partition       string    `parquet:"partition,optional,dict" doc:"aws, aws-cn, aws-us-gov, aws-eusc, aws-iso and so on"`
	Scope           string    `parquet:"scope,dict" doc:"global, regional or unknown"`
	Endpoint        string    `parquet:"endpoint,optional,dict" doc:"global or a Region; null when unknown"`
	Basis           string    `parquet:"basis,dict" doc:"what the verdict rests on: host, marker, region, identity or none"`
	Confidence      string    `parquet:"confidence,dict" doc:"certain, high or low"`
	Notes           []string  `parquet:"notes,list" parquet-element:",dict" doc:"sorted: region-mismatch (host and awsRegion disagree), maybe-proxied (an IAM user at us-east-2, eu-north-1 or ap-southeast-2), account-host (the host's first label is an account), foreign-host (not an AWS sign-in host), unknown-region (awsRegion is not in the table of Regions), idc (an Identity Center role), malformed-field (a field had a JSON type that cannot be read)"`
	SigninHost      string    `parquet:"signin_host,optional,dict" doc:"tlsDetails.clientProvidedHostHeader"`
	IdentityType    string    `parquet:"identity_type,optional,dict" doc:"IAMUser, Root, AssumedRole and so on, as recorded"`
	Principal       string    `parquet:"principal,dict" doc:"stable key of the person: ACCOUNT/user/NAME, ACCOUNT/role/ROLE/SESSION, identity-center/SESSION, ACCOUNT/federated/NAME, ACCOUNT/root or ACCOUNT/unknown"`
	PrincipalARN    string    `parquet:"principal_arn,optional,dict" doc:"userIdentity.arn"`
	UserName        string    `parquet:"user_name,optional,dict" doc:"userIdentity.userName"`
	RoleName        string    `parquet:"role_name,optional,dict" doc:"name of the assumed role, without its path"`
	SessionName     string    `parquet:"session_name,optional,dict" doc:"name of the role session"`
	Outcome         string    `parquet:"outcome,dict" doc:"success, failure or unknown"`
	ErrorCode       string    `parquet:"error_code,optional,dict" doc:"errorCode as recorded"`
	ErrorMessage    string    `parquet:"error_message,optional,dict" doc:"errorMessage as recorded"`
	MFA             string    `parquet:"mfa,dict" doc:"yes, no or unknown; unknown for federated principals"`
	SourceIP        string    `parquet:"source_ip,optional,dict" doc:"sourceIPAddress: an address or a DNS name"`
	UserAgent       string    `parquet:"user_agent,optional,dict" doc:"userAgent as recorded"`
	LoginTo         string    `parquet:"login_to,optional,dict" doc:"additionalEventData.LoginTo: the destination console, not the endpoint"`
	SAMLProviderARN string    `parquet:"saml_provider_arn,optional,dict" doc:"additionalEventData.SamlProviderArn"`
	VPCEndpointID   string    `parquet:"vpc_endpoint_id,optional,dict" doc:"VPC endpoint that the sign-in came through"`
	TLSVersion      string    `parquet:"tls_version,optional,dict" doc:"tlsDetails.tlsVersion"`
	TLSCipher       string    `parquet:"tls_cipher,optional,dict" doc:"tlsDetails.cipherSuite"`
	EventVersion    string    `parquet:"event_version,optional,dict" doc:"eventVersion as recorded"`
	Mobile          *bool     `parquet:"mobile,optional" doc:"additionalEventData.MobileVersion"`
	Carrier         string    `parquet:"carrier,dict" doc:"form in which the record arrived: trail, lookup, eventbridge, cloudwatch or record"`
	Origin          string    `parquet:"origin,optional,dict" doc:"object or file it was read from"`
	EventDate       Date      `parquet:"event_date,date" doc:"UTC day of event_time"`
}

// Finding is one row of findings. The first columns say why a sign-in was
// flagged. The others are those of the sign-in.
type Finding struct {
	FindingID string   `parquet:"finding_id" doc:"stable: same sign-in and same rule, same id"`
	Rule      string   `parquet:"rule,dict" doc:"rule that was broken"`
	Severity  string   `parquet:"severity,dict" doc:"low, medium, high or critical"`
	Reason    string   `parquet:"reason,optional" doc:"the finding in words"`
	Observed  string   `parquet:"observed,optional,dict" doc:"what was seen, such as the endpoint"`
	Expected  []string `parquet:"expected,list" parquet-element:",dict" doc:"what was expected instead"`
	Surprise  *float64 `parquet:"surprise,optional" doc:"bits of surprise; null if no baseline was used"`
	SignIn
}

// Endpoint is one row of endpoints. It counts all sign-ins that came through
// one endpoint.
type Endpoint struct {
	Scope      string    `parquet:"scope,dict" doc:"global, regional or unknown"`
	Endpoint   string    `parquet:"endpoint,optional,dict" doc:"global or a Region; null when unknown"`
	SignIns    int       `parquet:"sign_ins" doc:"attempts, failed ones included"`
	Failures   int       `parquet:"failures" doc:"attempts that failed"`
	Principals int       `parquet:"principals" doc:"distinct principals"`
	First      time.Time `parquet:"first,optional,timestamp(millisecond)" doc:"time of the first sign-in"`
	Last       time.Time `parquet:"last,optional,timestamp(millisecond)" doc:"time of the last sign-in"`
}

// Principal is one row of principals. It counts all sign-ins of one principal.
type Principal struct {
	Principal     string    `parquet:"principal" doc:"stable key of the person"`
	IdentityType  string    `parquet:"identity_type,optional,dict" doc:"IAMUser, Root, AssumedRole and so on, as recorded"`
	SignIns       int       `parquet:"sign_ins" doc:"attempts, failed ones included"`
	Failures      int       `parquet:"failures" doc:"attempts that failed"`
	Endpoints     int       `parquet:"endpoints" doc:"distinct endpoints"`
	UsualEndpoint string    `parquet:"usual_endpoint,optional,dict" doc:"endpoint of most of the sign-ins: global, a Region, or null when unknown"`
	First         time.Time `parquet:"first,optional,timestamp(millisecond)" doc:"time of the first sign-in"`
	Last          time.Time `parquet:"last,optional,timestamp(millisecond)" doc:"time of the last sign-in"`
	Findings      int       `parquet:"findings" doc:"findings against the principal"`
}

// Coverage is one row of coverage: what a trail has for one account and Region.
// A day is the day on which a log file was delivered, because that is the day in
// the file's folder. DaysWithoutFiles is sorted. FirstDay and LastDay are zero
// if there are no log files.
type Coverage struct {
	AccountID        string `parquet:"account_id,optional,dict" doc:"account of the folder"`
	Region           string `parquet:"region,optional,dict" doc:"Region of the folder"`
	Objects          int    `parquet:"objects" doc:"log files"`
	FirstDay         Date   `parquet:"first_day,optional,date" doc:"first day with log files"`
	LastDay          Date   `parquet:"last_day,optional,date" doc:"last day with log files"`
	DaysWithFiles    int    `parquet:"days_with_files" doc:"days that have log files"`
	DaysWithoutFiles []Date `parquet:"days_without_files,list" parquet-element:",date" doc:"days in the window that have no log files"`
}
