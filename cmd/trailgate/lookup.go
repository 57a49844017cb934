package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/pflag"

	"trailgate/cmd/trailgate/internal/awsclient"
	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/lookup"
)

// lookupFlags are the flags of lookup:// sources.
type lookupFlags struct {
	clamp         bool
	resume        string
	regionTimeout time.Duration
}

func (f *lookupFlags) registerLookup(s *pflag.FlagSet) {
	f.registerLimits(s)
	s.StringVar(&f.resume, "resume", "", "lookup://: continue an interrupted run from this `file`, and keep it for the next")
}

func (f *lookupFlags) registerLimits(s *pflag.FlagSet) {
	s.BoolVar(&f.clamp, "clamp-window", false, "lookup://: shorten a window that begins more than 90 days ago, instead of refusing it")
	s.DurationVar(&f.regionTimeout, "region-timeout", f.regionTimeout, "lookup://: give up on a Region after this long without an answer")
}

// openHistory makes a source of the Event history from lookup:// or
// lookup://REGION,REGION. It sends no request to CloudTrail yet. It refuses an unknown
// Region, a --region-timeout that is not above zero, and a role that is not an ARN of
// IAM. It also refuses two roles in one account.
func (p *process) openHistory(ctx context.Context, arg string, f *readFlags, c *awsclient.Clients, progress func(ingest.Progress)) (*lookup.Source, error) {
	if f.regionTimeout <= 0 {
		return nil, usagef("--region-timeout %v: give a time above zero", f.regionTimeout)
	}
	s := &lookup.Source{
		Label: arg, Now: p.now, Clamp: f.clamp, RegionTimeout: f.regionTimeout, Workers: f.workers, Table: f.table, Progress: progress,
		ResumeFile: f.resume, Asked: strings.TrimSpace(f.since + " to " + f.until),
	}
	_, named, _ := strings.Cut(arg, "://")
	for name := range strings.SplitSeq(strings.Trim(named, "/"), ",") {
		if name = strings.TrimSpace(name); name == "" && named != "" || name != "" && !f.table.Known(name) {
			return nil, hinted{usagef("source %q: unknown Region %q", arg, name), "give lookup:// for all enabled Regions, or lookup://us-east-1,eu-west-1; --regions-file adds Regions to the table"}
		}
		// The name is taken from the table. Two spellings of a Region would otherwise
		// be asked as two, and would exceed the quota of one.
		if region, _ := f.table.Region(name); name != "" && !slices.Contains(s.Regions, region.Name) {
			s.Regions = append(s.Regions, region.Name)
		}
	}
	accounts := map[string]string{}
	for _, role := range f.roles {
		parsed, err := arn.Parse(role)
		if err != nil || parsed.Service != "iam" || !strings.HasPrefix(parsed.Resource, "role/") {
			return nil, usagef("--role-arn %q: give the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME", role)
		}
		if before, twice := accounts[parsed.AccountID]; twice {
			return nil, usagef("--role-arn %q: %q is in the same account, which has one quota", role, before)
		}
		accounts[parsed.AccountID] = role
	}
	for _, role := range slices.Concat(f.roles, make([]string, max(0, 1-len(f.roles)))) {
		cfg, err := c.Config(ctx, role)
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", arg, err)
		}
		s.Accounts = append(s.Accounts, lookup.Account{Config: cfg, Role: role})
	}
	return s, nil
}

// checkSources refuses two lookup:// sources in one run, and --resume without such a
// source.
func checkSources(sources []ingest.Source, f *lookupFlags) error {
	bounded, journaled := 0, 0
	for _, s := range sources {
		if _, ok := s.(ingest.Bounded); ok {
			bounded++
		}
		if _, ok := s.(ingest.Journaled); ok {
			journaled++
		}
	}
	switch {
	case bounded > 1:
		return usagef("lookup:// is named twice: name all its Regions in one")
	case journaled == 0 && f.resume != "":
		return usagef("--resume goes with lookup:// only: other sources can be read again quickly")
	}
	return nil
}

// boundWindow gives the window of the run. The Event history limits it to the last 90
// days, or refuses it. A resumed run has the window of the run that it continues. If
// there are other sources as well, these limits are for the Event history alone, and w
// is returned as it is.
func boundWindow(sources []ingest.Source, w ingest.Window) (ingest.Window, error) {
	for _, s := range sources {
		source, ok := s.(ingest.Bounded)
		if !ok {
			continue
		}
		own, err := source.Bound(w)
		if err != nil {
			return w, err
		}
		if len(sources) == 1 {
			w = own
		}
	}
	return w, nil
}

// finishResume is called after the report was written. It removes the files of --resume
// if another run could not read more. Otherwise it says how to continue, unless --quiet
// is given.
func (p *process) finishResume(sources []ingest.Source, c *ingest.Coverage, f *messageFlags) error {
	for _, s := range sources {
		source, ok := s.(ingest.Journaled)
		if !ok || len(source.JournalFiles()) == 0 {
			continue
		}
		if !resumable(c) {
			return source.Forget()
		}
		path := source.JournalFiles()[0]
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || f.quiet {
			continue
		}
		p.complain(fmt.Sprintf("resume: the same command continues from %q; remove the file to start again", path))
	}
	return nil
}

// resumable reports whether the same command may read more if it is run again. That is
// not so if all Regions were read or refused: a broken record stays broken, and the
// command would give the same answer for ever.
func resumable(c *ingest.Coverage) bool {
	if c.Partial || c.Skipped[ingest.CauseThrottled]+c.Skipped[ingest.CauseTransport] > 0 {
		return true
	}
	return slices.ContainsFunc(c.Skips, func(s ingest.SkipError) bool {
		kind := answer.KindOf(s.Err)
		return kind == answer.Expired || kind == answer.Outdated
	})
}

// checkResumePaths refuses to write an output over a file that a source keeps for a
// resumed run.
func checkResumePaths(sources []ingest.Source, f *lookupFlags, paths ...string) error {
	for _, s := range sources {
		source, ok := s.(ingest.Journaled)
		if !ok {
			continue
		}
		for _, kept := range source.JournalFiles() {
			for _, path := range paths {
				if path != "" && filepath.Clean(path) == filepath.Clean(kept) {
					return usagef("--resume %q keeps %q: write to another file", f.resume, kept)
				}
			}
		}
	}
	return nil
}
