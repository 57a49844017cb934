package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trailgate/cmd/trailgate/internal/flagvalue"
	"trailgate/fixtures"
	"trailgate/fixtures/company"
)

func newGenerate(p *process) *cobra.Command {
	var c fixtures.Config
	var start, layout, scenario string
	var bomb string
	cmd := &cobra.Command{
		Use:   "generate DIR",
		Short: "Write a synthetic trail with known answers, for demonstrations and benchmarks",
		Long: `Generate writes log files in the layout of a trail bucket. The folder must be empty
or must not exist. The log files hold API records of a dozen services, and console
sign-ins of every kind among them. The file truth.jsonl beside them holds the row
that each sign-in must give. The same flags give the same bytes. All account ids,
addresses and keys are reserved for documentation.

With --scenario organization it simulates the sign-ins of a company over a year,
with intrusions among them. The file labels.jsonl then says what each sign-in is.
In that case --people and --accounts describe the company.`,
		Example: `  trailgate generate ./trail && trailgate audit ./trail
  trailgate generate ./big --files 4000 --records-per-file 250
  trailgate generate ./company --scenario organization`,
		Args: oneArg("the folder to write to"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Dir = args[0]
			var err error
			if c.Start, err = parseTime("start", start, p.now()); err != nil {
				return err
			}
			if scenario != "" {
				return p.generateScenario(cmd, scenario, c)
			}
			if c.Layout, err = parseLayout(layout); err != nil {
				return err
			}
			if bomb != "" {
				if c.Bomb, err = flagvalue.ParseSize(bomb); err != nil {
					return usagef("--bomb: %w", err)
				}
			}
			stats, err := fixtures.Generate(cmd.Context(), c)
			if err != nil {
				return fmt.Errorf("generate %q: %w", c.Dir, err)
			}
			return p.printStats(stats, c.Dir)
		},
	}
	registerTrail(cmd.Flags(), &c)
	cmd.Flags().StringVar(&start, "start", "", "`day` of the first delivery (default 2026-03-01)")
	cmd.Flags().StringVar(&layout, "layout", "account", "layout of the bucket: account, organization, control-tower or control-tower-old")
	cmd.Flags().StringVar(&bomb, "bomb", "", "with --faults: add a file that inflates to this `size`")
	cmd.Flags().StringVar(&scenario, "scenario", "", "simulate this scenario instead: organization")
	return cmd
}

// registerTrail registers the flags that are fields of the configuration of a trail.
func registerTrail(f *pflag.FlagSet, c *fixtures.Config) {
	f.Uint64Var(&c.Seed, "seed", 0, "seed of the generator: each one gives another trail of the same size")
	f.IntVar(&c.Accounts, "accounts", 0, "number of accounts (default 3)")
	f.IntVar(&c.Regions, "regions", 0, "number of Regions with log files (default 6)")
	f.IntVar(&c.Days, "days", 0, "number of days of delivery (default 14)")
	f.IntVar(&c.People, "people", 0, "number of people per account (default 24)")
	f.IntVar(&c.Files, "files", 0, "number of log files (default: one per account, Region and day)")
	f.IntVar(&c.RecordsPerFile, "records-per-file", 0, "number of records in each log file (default 40)")
	f.IntVar(&c.SignIns, "sign-ins", 0, "number of distinct sign-ins (default 300)")
	f.StringVar(&c.Prefix, "prefix", "", "key prefix before the layout")
	f.BoolVar(&c.OnePartition, "one-partition", false, "leave out accounts in China, GovCloud and the European Sovereign Cloud")
	f.BoolVar(&c.NoNoise, "no-noise", false, "leave out digests and all other files that are not log files")
	f.BoolVar(&c.Gaps, "gaps", false, "leave out some days of one Region")
	f.BoolVar(&c.Faults, "faults", false, "add damaged files and unreadable sign-ins; truth.jsonl stays the same")
	f.IntVar(&c.Workers, "workers", 0, "number of files made at once (default: one per core)")
}

// generateScenario simulates a scenario, writes it, and prints what was written. It
// refuses unknown names of scenarios, and flags that do not go with a scenario.
func (p *process) generateScenario(cmd *cobra.Command, name string, c fixtures.Config) error {
	if name != company.Organization {
		return usagef("--scenario %q: the only one is %s", name, company.Organization)
	}
	var foreign string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "scenario", "seed", "accounts", "days", "people", "start", "workers":
		default:
			foreign = f.Name
		}
	})
	if foreign != "" {
		return usagef("--%s does not go with --scenario", foreign)
	}
	s, err := company.Simulate(cmd.Context(), company.Scenario{Seed: c.Seed, Dir: c.Dir, People: c.People, Days: c.Days, Accounts: c.Accounts,
		Start: c.Start, Workers: c.Workers})
	if err != nil {
		return fmt.Errorf("generate %q: %w", c.Dir, err)
	}
	cases := 0
	for _, n := range s.Cases {
		cases += n
	}
	_, err = fmt.Fprintf(p.stdout, "wrote %d log files (%.1f MB packed) with %d sign-ins to %s\n%d intrusions, %d of them at another endpoint than the victim's; %d trips; see labels.jsonl\n",
		s.Files, float64(s.Packed)/1e6, s.SignIns, c.Dir, cases, s.Changed, s.Trips)
	return err
}

func parseLayout(name string) (fixtures.Layout, error) {
	switch name {
	case "account":
		return fixtures.Account, nil
	case "organization":
		return fixtures.Organization, nil
	case "control-tower":
		return fixtures.ControlTower, nil
	case "control-tower-old":
		return fixtures.OldControlTower, nil
	}
	return 0, usagef("--layout %q: give one of account, organization, control-tower, control-tower-old", name)
}

// printStats says on standard output what was written.
func (p *process) printStats(s fixtures.Stats, dir string) error {
	lines := []string{
		fmt.Sprintf("wrote %d log files with %d records (%.1f MB of JSON, %.1f MB packed) and %d other files to %s",
			s.Files, s.Records, float64(s.Inflated)/1e6, float64(s.Packed)/1e6, s.Noise+s.Odd+s.Denied, dir),
		fmt.Sprintf("sign-ins: %d distinct, each a row of truth.jsonl, and %d further copies", s.SignIns, s.Duplicates),
	}
	if len(s.Faults)+len(s.Unreadable) > 0 {
		var parts []string
		for _, m := range [...]map[string]int{s.Faults, s.Unreadable} {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				parts = append(parts, fmt.Sprintf("%d %s", m[k], k))
			}
		}
		lines = append(lines, "planted: "+strings.Join(parts, ", "))
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(p.stdout, l); err != nil {
			return err
		}
	}
	return nil
}
