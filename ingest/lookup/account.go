package lookup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/aws/region"
)

// maxOpening is how many accounts are opened at once.
const maxOpening = 16

// accountSession is an account that was opened: its credentials, and its Regions.
type accountSession struct {
	id      string // empty if AWS did not tell it
	config  aws.Config
	cache   credentialsCache
	regions []string // sorted
	chosen  string   // how the Regions were chosen, in words
	remarks []string
	skip    *ingest.SkipError // the account could not be opened; it then has no regions

	mu         sync.Mutex
	generation int // how often the credentials were refreshed
}

// credentialsCache keeps credentials until Invalidate is called. A
// *aws.CredentialsCache is one.
type credentialsCache interface {
	aws.CredentialsProvider
	Invalidate()
}

// openAccounts opens all accounts and finds out their Regions. The result is sorted
// by account id. An account that cannot be opened has a skip. An account that is
// named twice is an error, and so is the end of the context.
func (s *Source) openAccounts(ctx context.Context) ([]*accountSession, error) {
	out := make([]*accountSession, len(s.Accounts))
	var group errgroup.Group
	group.SetLimit(maxOpening)
	for i, a := range s.Accounts {
		group.Go(func() error {
			out[i] = s.openAccount(ctx, a)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	slices.SortStableFunc(out, func(a, b *accountSession) int { return strings.Compare(a.id, b.id) })
	for i := 1; i < len(out); i++ {
		if out[i].id == out[i-1].id && out[i].id != "" {
			return nil, fmt.Errorf("account %s is named twice, but it has only one quota", out[i].id)
		}
	}
	return out, nil
}

// openAccount opens one account: it gets the credentials, the id and the Regions.
// Without credentials or access, the result has a skip. If AWS does not tell the
// enabled Regions, it takes those of the built-in table and adds a remark.
func (s *Source) openAccount(ctx context.Context, a Account) *accountSession {
	e := &accountSession{config: a.Config.Copy()}
	var ok bool
	if e.cache, ok = a.Config.Credentials.(credentialsCache); !ok {
		e.cache = aws.NewCredentialsCache(a.Config.Credentials)
		e.config.Credentials = e.cache
	}
	// Each service has its own timeout. With a common one, a service that hangs would
	// leave no time for the other.
	first, cancel := context.WithTimeout(ctx, s.regionTimeout())
	partition, err := e.identifyAccount(first, a.Role)
	cancel()
	if err != nil {
		e.skip = &ingest.SkipError{Cause: causeOf(err), Origin: cmp.Or(a.Role, s.Name()), Err: accessError(err)}
		return e
	}
	if len(s.Regions) > 0 {
		e.regions, e.chosen = slices.Compact(slices.Sorted(slices.Values(s.Regions))), "as named"
		return e
	}
	second, cancel := context.WithTimeout(ctx, s.regionTimeout())
	defer cancel()
	e.regions, err = e.enabledRegions(second)
	if e.chosen = "all that are enabled"; err == nil {
		return e
	}
	if partition == "" {
		partition = s.Table.Partition(a.Config.Region)
	}
	if partition == "" {
		partition = region.AWS
	}
	for _, r := range s.Table.Regions(partition) {
		e.regions = append(e.regions, r.Name)
	}
	e.chosen = "all that the built-in table has"
	e.remarks = append(e.remarks, fmt.Sprintf("%s: which Regions are enabled could not be asked (account:ListRegions: %v), so the %d of the built-in table were tried; a sign-in in a newer Region would not have been seen",
		e.displayName(), answer.Parse(err), len(e.regions)))
	return e
}

// identifyAccount checks that there are credentials. It sets e.id and returns the
// partition of the account. If AWS refuses the credentials, it returns an error. If
// the id cannot be asked for another reason, the id and partition stay empty, and
// it adds a remark.
func (e *accountSession) identifyAccount(ctx context.Context, role string) (partition string, err error) {
	if role != "" {
		parts := strings.SplitN(role, ":", 6)
		if len(parts) != 6 || parts[4] == "" {
			return "", fmt.Errorf("role %q is not the ARN of a role with an account", role)
		}
		partition, e.id = parts[1], parts[4]
		_, err := e.cache.Retrieve(ctx)
		return partition, err
	}
	if _, err := e.cache.Retrieve(ctx); err != nil {
		return "", err
	}
	client := sts.NewFromConfig(e.config, func(o *sts.Options) { o.HTTPClient = ownBody{o.HTTPClient} })
	who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err == nil && aws.ToString(who.Account) == "" {
		err = errors.New("the answer names no account")
	}
	if err != nil {
		if o := classifyError(err); o == denied || o == expired || o == skewed {
			return "", err
		}
		e.remarks = append(e.remarks, fmt.Sprintf("the account id could not be asked (sts:GetCallerIdentity: %v)", answer.Parse(err)))
		return "", nil
	}
	e.id = aws.ToString(who.Account)
	if parts := strings.SplitN(aws.ToString(who.Arn), ":", 3); len(parts) == 3 {
		partition = parts[1]
	}
	return partition, nil
}

// causeOf classifies why an account could not be opened.
func causeOf(err error) ingest.Cause {
	switch o := classifyError(err); {
	case o == throttled:
		return ingest.CauseThrottled
	case o == broken && !isUnsigned(err):
		return ingest.CauseTransport
	}
	return ingest.CauseDenied
}

// accessError says in words why an account could not be opened.
func accessError(err error) error {
	op, o := innermostOperation(err), classifyError(err)
	switch {
	case o == denied || o == expired || o == skewed:
		return describeError(o, err)
	case o == broken && isUnsigned(err):
		return fmt.Errorf("get credentials: %w", err)
	case op == nil:
		return fmt.Errorf("no credentials in time: %w", err)
	}
	// The errors around the operation only say that credentials are missing.
	return fmt.Errorf("%s: %w", deniedAction(err), answer.Parse(op.Err))
}

// metadataService gives an EC2 machine its own credentials. The name is that of the
// SDK.
const metadataService = "ec2imds"

// isUnsigned reports whether no service on the network was asked for credentials. The
// metadata service does not count: the SDK always asks it last, and most machines do
// not have it.
func isUnsigned(err error) bool {
	op := innermostOperation(err)
	if op == nil {
		var late *aws.RequestCanceledError
		return !errors.As(err, &late)
	}
	var unsent *smithyhttp.RequestSendError
	sent := answer.Parse(op).Status != 0 || errors.As(op, &unsent) || errors.Is(op, context.DeadlineExceeded)
	return op.ServiceID == metadataService || !sent
}

// enabledRegions asks which Regions are enabled. Regions that are being enabled or
// disabled count as well. The result is sorted.
func (e *accountSession) enabledRegions(ctx context.Context) ([]string, error) {
	client := account.NewFromConfig(e.config, func(o *account.Options) { o.HTTPClient = ownBody{o.HTTPClient} })
	pages := account.NewListRegionsPaginator(client, &account.ListRegionsInput{
		MaxResults: aws.Int32(50),
		RegionOptStatusContains: []types.RegionOptStatus{types.RegionOptStatusEnabled, types.RegionOptStatusEnabledByDefault,
			types.RegionOptStatusEnabling, types.RegionOptStatusDisabling},
	})
	var out []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if page.Regions == nil {
			return nil, errEmptyAnswer
		}
		for _, r := range page.Regions {
			if name := aws.ToString(r.RegionName); name != "" {
				out = append(out, name)
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the answer names no Region")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// displayName is the name of the account in a remark.
func (e *accountSession) displayName() string {
	if e.id == "" {
		return "the account"
	}
	return "account " + e.id
}

// credentialGeneration returns how often the credentials were refreshed, for
// refreshCredentials.
func (e *accountSession) credentialGeneration() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.generation
}

// refreshCredentials drops the cached credentials, so that the next request gets
// new ones. It does nothing if generation is not the present one: another Region
// has then dropped them already.
func (e *accountSession) refreshCredentials(generation int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.generation == generation {
		e.generation++
		e.cache.Invalidate()
	}
}
