package answer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"trailgate/fixtures/s3/script"
	"trailgate/ingest/aws/answer"
)

func TestParse(t *testing.T) {
	cases := []struct {
		name  string
		err   error
		kind  answer.Kind
		words string
	}{
		{"network", errors.New("dial: refused"), answer.Transport, "dial: refused"},
		{"code and message", script.Refusal(403, "AccessDenied", "no"), answer.Denied, `AccessDenied "no"`},
		{"code alone", script.Refusal(503, "SlowDown", ""), answer.Throttled, "SlowDown"},
		{"with Exception", script.Refusal(400, "ThrottlingException", ""), answer.Throttled, "ThrottlingException"},
		{"expired", script.Refusal(400, "ExpiredTokenException", ""), answer.Expired, "ExpiredTokenException"},
		{"expired session", script.Refusal(400, "TokenRefreshRequired", ""), answer.Expired, "TokenRefreshRequired"},
		{"late", script.Refusal(403, "RequestExpired", ""), answer.Outdated, "RequestExpired"},
		{"clock", script.Refusal(403, "RequestTimeTooSkewed", ""), answer.Skewed, "RequestTimeTooSkewed"},
		{"signature", script.Refusal(403, "SignatureDoesNotMatch", ""), answer.BadSignature, "SignatureDoesNotMatch"},
		{"key id", script.Refusal(403, "InvalidAccessKeyId", ""), answer.BadCredentials, "InvalidAccessKeyId"},
		{"client", script.Refusal(400, "UnrecognizedClientException", ""), answer.BadCredentials, "UnrecognizedClientException"},
		{"no object", script.Refusal(404, "NoSuchKey", ""), answer.Absent, "NoSuchKey"},
		{"no bucket", script.Refusal(404, "NoSuchBucket", ""), answer.NoBucket, "NoSuchBucket"},
		{"archive", script.Refusal(403, "InvalidObjectState", ""), answer.Archived, "InvalidObjectState"},
		{"Region", script.Refusal(301, "PermanentRedirect", ""), answer.WrongRegion, "PermanentRedirect"},
		{"server", script.Refusal(500, "InternalError", "oops"), answer.Transport, `InternalError "oops"`},
		{"unknown", script.Refusal(400, "ValidationError", ""), answer.Refused, "ValidationError"},
		{"no answer", script.Refusal(0, "ValidationError", ""), answer.Transport, "ValidationError"},
		{"no credentials", fmt.Errorf("sign: %w", &answer.CredentialsError{Err: errors.New("no role")}), answer.NoCredentials, "sign: no role"},
		{"refused by the source of the credentials", &answer.CredentialsError{Err: script.Refusal(403, "AccessDenied", "no")}, answer.Denied, `AccessDenied "no"`},
		{"parsed before", fmt.Errorf("get: %w", answer.Parse(script.Refusal(404, "NoSuchKey", ""))), answer.Absent, "NoSuchKey"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := answer.Parse(c.err)
			if got.Kind != c.kind || got.Error() != c.words || answer.KindOf(c.err) != c.kind {
				t.Errorf("kind %d, words %q; want %d, %q", got.Kind, got, c.kind, c.words)
			}
		})
	}
}

func TestParseWithoutCode(t *testing.T) {
	err := script.Refusal(502, "UnknownError", "UnknownError")
	if got := answer.Parse(err); got.Kind != answer.Transport || got.Error() != err.Error() || got.Status != 502 {
		t.Errorf("%+v, want the words of the whole error", got)
	}
}

func TestExplain(t *testing.T) {
	cases := map[string]string{
		"ExpiredToken":         "the credentials have expired: ExpiredToken",
		"RequestExpired":       "the clock of this machine and that of AWS are too far apart: RequestExpired",
		"InvalidAccessKeyId":   "the credentials were not accepted: InvalidAccessKeyId",
		"InvalidObjectState":   "the object is archived and has to be restored first: InvalidObjectState",
		"AccessDenied":         "AccessDenied",
		"RequestTimeTooSkewed": "the clock of this machine and that of AWS are too far apart: RequestTimeTooSkewed",
	}
	for code, want := range cases {
		cause := script.Refusal(403, code, "")
		got := answer.Explain(cause)
		if got.Error() != want || !errors.Is(got, cause) {
			t.Errorf("%s: %q, want %q with the cause behind it", code, got, want)
		}
	}
	if answer.Explain(nil) != nil {
		t.Error("nil does not stay nil")
	}
}

func TestDeniedError(t *testing.T) {
	cause := errors.New("no")
	err := &answer.DeniedError{Action: "s3:GetObject", Err: cause}
	if err.Error() != "access denied, s3:GetObject is needed: no" || !errors.Is(err, cause) {
		t.Errorf("%q", err)
	}
}

func TestMarkCredentials(t *testing.T) {
	broken, calls := errors.New("no role"), 0
	marked := answer.MarkCredentials(aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		calls++
		if calls == 1 {
			return aws.Credentials{}, broken
		}
		return aws.Credentials{AccessKeyID: fmt.Sprint(calls), SecretAccessKey: "secret"}, nil
	})))
	var missing *answer.CredentialsError
	if _, err := marked.Retrieve(t.Context()); !errors.As(err, &missing) || !errors.Is(err, broken) || err.Error() != missing.Err.Error() {
		t.Errorf("%v, want a CredentialsError with the same words", err)
	}
	for _, want := range []string{"2", "2", "3"} {
		if want == "3" {
			marked.(interface{ Invalidate() }).Invalidate()
		}
		if got, err := marked.Retrieve(t.Context()); err != nil || got.AccessKeyID != want {
			t.Errorf("%q and %v, want %q", got.AccessKeyID, err, want)
		}
	}
	if plain := (aws.AnonymousCredentials{}); answer.MarkCredentials(plain) != aws.CredentialsProvider(plain) {
		t.Error("anonymous credentials were changed")
	}
}
