package main

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

// clients builds the clients of AWS services from the SDK's own configuration and
// the flags. It reads the configuration when the first client is needed. It is for
// one goroutine.
type clients struct {
	flags   *awsFlags
	workers int // requests in flight, as the user asks; zero: the default
	config  *aws.Config
}

// load reads the configuration of the SDK, once.
func (c *clients) load(ctx context.Context) (aws.Config, error) {
	if c.config != nil {
		return *c.config, nil
	}
	options := []func(*config.LoadOptions) error{
		config.WithAppID("trailgate"),
		config.WithDefaultRegion("us-east-1"),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(c.transport)),
	}
	if c.flags.profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.flags.profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, err
	}
	if c.flags.endpointURL != "" {
		cfg.BaseEndpoint = aws.String(c.flags.endpointURL)
	}
	cfg.Credentials = answer.MarkCredentials(cfg.Credentials)
	c.config = &cfg
	return cfg, nil
}

// withRole gives the configuration for calls with an assumed role. For an empty role
// the calls are made with the caller's own credentials.
func (c *clients) withRole(ctx context.Context, role string) (aws.Config, error) {
	cfg, err := c.load(ctx)
	if err != nil || role == "" {
		return cfg, err
	}
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "trailgate"
	}))
	return cfg, nil
}

// trailClient gives a client that reads a trail bucket. It assumes the role of
// --role-arn if the flag is given.
func (c *clients) trailClient(ctx context.Context, bucket string) (*s3.Client, error) {
	role := ""
	switch len(c.flags.roles) {
	case 0:
	case 1:
		role = c.flags.roles[0]
	default:
		return nil, usagef("--role-arn is given several times: a bucket is read with one role")
	}
	return c.bucketClient(ctx, role, bucket)
}

// bucketClient gives a client for the Region of the bucket. With --endpoint-url the
// bucket is addressed by path, and the Region is the one that the SDK is configured
// for.
func (c *clients) bucketClient(ctx context.Context, role, bucket string) (*s3.Client, error) {
	cfg, err := c.withRole(ctx, role)
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
// error here: the first listing reports it. The Region is empty if S3 did not name
// it.
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
		return "", hinted{err, checkBucketHint}
	}
	return said.Response.Header.Get("X-Amz-Bucket-Region"), nil
}
