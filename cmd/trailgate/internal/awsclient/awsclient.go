// Package awsclient builds the clients of AWS services. It takes what the user may say
// about AWS: a profile, another endpoint, and roles. Everything else comes from the
// configuration of the SDK. It sends no request except to find the Region of a bucket.
package awsclient

import (
	"context"
	"errors"
	"net/http"

	"trailgate/ingest/aws/answer"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Clients builds clients. It reads the configuration of the SDK when the first client is
// needed, and then keeps it. It is for one goroutine. The clients are for many.
type Clients struct {
	Profile     string // of the shared configuration; empty: the SDK's default
	EndpointURL string // used instead of the endpoints of AWS; empty: those of AWS
	Workers     int    // requests at the same time; zero: the default of the sources

	config *aws.Config
}

// NoBucketError says that a bucket does not exist.
type NoBucketError struct {
	Bucket string
	Err    error // the answer of S3
}

// Error gives the answer of S3.
func (e *NoBucketError) Error() string { return e.Err.Error() }

// Unwrap gives the answer of S3.
func (e *NoBucketError) Unwrap() error { return e.Err }

// load reads the configuration of the SDK, once.
func (c *Clients) load(ctx context.Context) (aws.Config, error) {
	if c.config != nil {
		return *c.config, nil
	}
	options := []func(*config.LoadOptions) error{
		config.WithAppID("trailgate"),
		config.WithDefaultRegion("us-east-1"),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(c.transport)),
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, err
	}
	if c.EndpointURL != "" {
		cfg.BaseEndpoint = aws.String(c.EndpointURL)
	}
	cfg.Credentials = answer.MarkCredentials(cfg.Credentials)
	c.config = &cfg
	return cfg, nil
}

// Config gives the configuration for calls with an assumed role. For an empty role the
// calls are made with the caller's own credentials. The error is that of reading the
// configuration: the role is assumed at the first call.
func (c *Clients) Config(ctx context.Context, role string) (aws.Config, error) {
	cfg, err := c.load(ctx)
	if err != nil || role == "" {
		return cfg, err
	}
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "trailgate"
	}))
	return cfg, nil
}

// Bucket gives a client for the Region of a bucket, with the role of Config. With an
// EndpointURL the bucket is addressed by path, and the Region is the one that the SDK is
// configured for. The error is a *NoBucketError if the bucket does not exist.
func (c *Clients) Bucket(ctx context.Context, role, bucket string) (*s3.Client, error) {
	cfg, err := c.Config(ctx, role)
	if err != nil {
		return nil, err
	}
	custom := false
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// S3 keeps a checksum for few log files only. Without this option the SDK
		// writes a line to standard error for each of the others.
		o.DisableLogOutputChecksumValidationSkipped = true
		custom = o.BaseEndpoint != nil
		o.UsePathStyle = custom
	})
	if custom {
		return client, nil
	}
	region, err := bucketRegion(ctx, client, bucket)
	if err != nil || region == "" || region == cfg.Region {
		return client, err
	}
	return s3.New(client.Options(), func(o *s3.Options) { o.Region = region }), nil
}

// bucketRegion asks S3 for the Region of a bucket. S3 names it in a header of every
// answer, of a refusal too (S3 API Reference, "HeadBucket"). So a refusal is not an
// error here: the first listing reports it. The Region is empty if S3 did not name it.
// If the bucket does not exist, the error is a *NoBucketError.
func bucketRegion(ctx context.Context, client *s3.Client, bucket string) (string, error) {
	out, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(bucket)})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var said *smithyhttp.ResponseError
	if !errors.As(err, &said) {
		return "", err
	}
	if said.HTTPStatusCode() == http.StatusNotFound {
		return "", &NoBucketError{Bucket: bucket, Err: err}
	}
	return said.Response.Header.Get("X-Amz-Bucket-Region"), nil
}
