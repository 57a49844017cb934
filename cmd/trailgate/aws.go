package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// clients builds the clients of AWS services, from the SDK's own configuration
// and the flags, once it is known that one is needed.
type clients struct {
	flags   *awsFlags
	workers int // requests in flight, as the user asks; zero: the default
	config  *aws.Config
}

// load reads the configuration.
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
	c.config = &cfg
	return cfg, nil
}

// as gives the configuration with which a role is taken on; empty: with the
// caller's own credentials.
func (c *clients) as(ctx context.Context, role string) (aws.Config, error) {
	cfg, err := c.load(ctx)
	if err != nil || role == "" {
		return cfg, err
	}
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "trailgate"
	}))
	return cfg, nil
}

// s3 gives a client that reads a trail bucket, as the role to assume if there
// is one.
func (c *clients) s3(ctx context.Context, bucket string) (*s3.Client, error) {
	role := ""
	switch len(c.flags.roles) {
	case 0:
	case 1:
		role = c.flags.roles[0]
	default:
		return nil, usagef("several --role-arn: a bucket is read with one")
	}
	return c.bucket(ctx, role, bucket)
}

// bucket gives a client for the Region in which the bucket lies. With an
// endpoint of the user's choice the bucket is addressed by path, and lies where
// the configuration says.
func (c *clients) bucket(ctx context.Context, role, bucket string) (*s3.Client, error) {
	cfg, err := c.as(ctx, role)
	if err != nil {
		return nil, err
	}
	custom := false
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Most log files have no checksum of S3's, and no reader of
		// standard error needs a line for each.
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

// bucketRegion asks S3 where a bucket lies. S3 tells in a header, whether it
// lets the caller in or not (S3 API Reference, "HeadBucket"); who may not list
// the bucket finds out at the first listing.
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
		return "", hinted{err, "check the bucket's name; aws cloudtrail describe-trails prints the names of trail buckets"}
	}
	return said.Response.Header.Get("X-Amz-Bucket-Region"), nil
}
