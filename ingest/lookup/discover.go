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

// maxOpening is how many accounts are entered at once.
const maxOpening = 16

// accountSession is an account whose credentials work.
type accountSession struct {
	id      string // empty where it could not be found out
	config  aws.Config
	cache   credentialsCache
	regions []string // sorted
	chosen  string   // how the Regions were chosen, in words
	remarks []string
	skip    *ingest.SkipError // instead of all the above: it could not be entered

	mu         sync.Mutex
	generation int // of the credentials
}

// credentialsCache keeps credentials until it is told to forget them. A
// *aws.CredentialsCache is one.
type credentialsCache interface {
	aws.CredentialsProvider
	Invalidate()
}

// openAccounts enters all accounts and finds out their Regions.
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
			return nil, fmt.Errorf("account %s is to be looked up twice: its quota is one", out[i].id)
		}
	}
	return out, nil
}

func (s *Source) openAccount(ctx context.Context, a Account) *accountSession {
	e := &accountSession{config: a.Config.Copy()}
	var ok bool
	if e.cache, ok = a.Config.Credentials.(credentialsCache); !ok {
		e.cache = aws.NewCredentialsCache(a.Config.Credentials)
		e.config.Credentials = e.cache
	}
	// Each service has a time of its own, or one that hangs would silence the
	// other.
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

// identifyAccount makes sure that there are credentials and finds out whose account
// it is, and in which partition.
func (e *accountSession) identifyAccount(ctx context.Context, role string) (partition string, err error) {
	if role != "" {
		parts := strings.SplitN(role, ":", 6)
		if len(parts) != 6 || parts[4] == "" {
			return "", fmt.Errorf("role %q is not the ARN of a role", role)
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
		err = errors.New("the answer names none")
	}
	if err != nil {
		if o := classifyError(err); o == denied || o == expired || o == skewed {
			return "", err
		}
		e.remarks = append(e.remarks, fmt.Sprintf("whose account it is could not be asked (sts:GetCallerIdentity: %v)", answer.Parse(err)))
		return "", nil
	}
	e.id = aws.ToString(who.Account)
	if parts := strings.SplitN(aws.ToString(who.Arn), ":", 3); len(parts) == 3 {
		partition = parts[1]
	}
	return partition, nil
}

// causeOf classifies why an account could not be entered.
func causeOf(err error) ingest.Cause {
	switch o := classifyError(err); {
	case o == throttled:
		return ingest.CauseThrottled
	case o == broken && !isUnsigned(err):
		return ingest.CauseTransport
	}
	return ingest.CauseDenied
}

// accessError puts into words why an account could not be entered.
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
	// What lies round the operation speaks of credentials only.
	return fmt.Errorf("%s: %w", deniedAction(err), answer.Parse(op.Err))
}

// machine is the service of an EC2 machine's own credentials, as the SDK names
// it.
const machine = "ec2imds"

// isUnsigned tells of an error that no service was asked for credentials, but
// for the one on the machine itself, which most machines do not have.
func isUnsigned(err error) bool {
	op := innermostOperation(err)
	if op == nil {
		var late *aws.RequestCanceledError
		return !errors.As(err, &late)
	}
	var unsent *smithyhttp.RequestSendError
	sent := answer.Parse(op).Status != 0 || errors.As(op, &unsent) || errors.Is(op, context.DeadlineExceeded)
	return op.ServiceID == machine || !sent
}

// enabledRegions asks which Regions are enabled, or about to be, or no longer quite.
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
		return nil, errors.New("the answer names none")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// displayName names the account in a remark.
func (e *accountSession) displayName() string {
	if e.id == "" {
		return "the account"
	}
	return "account " + e.id
}

// credentialGeneration tells which generation of credentials is in use.
func (e *accountSession) credentialGeneration() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.generation
}

// refreshCredentials lets the credentials of a generation go. Of several Regions that
// find them expired, the first does it.
func (e *accountSession) refreshCredentials(generation int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.generation == generation {
		e.generation++
		e.cache.Invalidate()
	}
}
