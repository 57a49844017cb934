package answer

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// CredentialsError says that no credentials could be had, so that a request was
// not sent. The SDK has only text for this.
type CredentialsError struct {
	Err error // as the provider of the credentials returned it
}

// Error returns the words of the provider.
func (e *CredentialsError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the provider.
func (e *CredentialsError) Unwrap() error { return e.Err }

// MarkCredentials returns credentials whose errors are *CredentialsError, if
// provider is an *aws.CredentialsCache. The result forgets its credentials with
// Invalidate, as the cache does. Any other provider, such as that of anonymous
// requests, is returned unchanged.
func MarkCredentials(provider aws.CredentialsProvider) aws.CredentialsProvider {
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		return &markedCache{cache}
	}
	return provider
}

// markedCache embeds the cache, because the SDK asks it for more abilities.
type markedCache struct{ *aws.CredentialsCache }

// Retrieve returns the credentials, or a *CredentialsError.
func (c *markedCache) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := c.CredentialsCache.Retrieve(ctx)
	if err != nil {
		err = &CredentialsError{err}
	}
	return credentials, err
}
