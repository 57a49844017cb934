package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/cmd/trailgate/internal/atomicfile"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
	"trailgate/report"
	"trailgate/report/convert"
)

// errFindings ends a run that found something at or above --fail-on.
var errFindings = errors.New("findings at or above --fail-on")

// judgeFlags say what is expected of people, and what to do with findings.
type judgeFlags struct {
	policy       string
	baseline     string
	saveBaseline string
	learnUntil   string
	failOn       string
	set          *pflag.FlagSet // the set in which they are registered
}

func (f *judgeFlags) registerJudging(s *pflag.FlagSet) {
	f.registerJob(s)
	f.registerBaseline(s)
	s.StringVar(&f.saveBaseline, "save-baseline", "", "write what was learned to this `file`, for --baseline of the next run")
}

// registerJob registers --policy, --learn-until and --fail-on: the flags of a verb that
// keeps its baseline in a state.
func (f *judgeFlags) registerJob(s *pflag.FlagSet) {
	f.registerPolicy(s)
	s.StringVar(&f.learnUntil, "learn-until", "", "only learn from sign-ins before this `time`, without findings")
	s.StringVar(&f.failOn, "fail-on", "", "exit with status 4 on findings of this `severity` or above: low, medium, high or critical")
}

func (f *judgeFlags) registerExpectations(s *pflag.FlagSet) {
	f.registerPolicy(s)
	f.registerBaseline(s)
}

func (f *judgeFlags) registerPolicy(s *pflag.FlagSet) {
	f.set = s
	s.StringVar(&f.policy, "policy", "", "policy `file`: who may sign in through which endpoint")
}

func (f *judgeFlags) registerBaseline(s *pflag.FlagSet) {
	s.StringVar(&f.baseline, "baseline", "", "`file` with what earlier runs have learned (--save-baseline)")
}

// judgement is the detector of a run, its findings, and what to do with them.
type judgement struct {
	judge  *detect.Detector
	tally  policy.Tally  // counts for the policy; empty without one
	failOn rule.Severity // findings from this severity on set the exit status; zero: none do
	save   string        // the file of --save-baseline, or empty
	found  []detect.Finding
}

// open makes the judgement of a run from the flags. It reads the files of --policy and
// --baseline, and writes the warnings about the policy to standard error. A flag with a
// wrong value, or a policy or baseline that cannot be used, is an error.
func (f *judgeFlags) open(p *process, table region.Table) (*judgement, error) {
	j := &judgement{judge: &detect.Detector{}, save: f.saveBaseline}
	var err error
	if j.judge.LearnUntil, err = parseTime("learn-until", f.learnUntil, p.now()); err != nil {
		return nil, err
	}
	// An empty value is a mistake, for example a variable that is not set. It must not
	// count as a flag that is not given.
	if f.set.Changed("fail-on") {
		if j.failOn, err = rule.ParseSeverity(f.failOn); err != nil {
			return nil, usagef("--fail-on: %w", err)
		}
	}
	if f.set.Changed("policy") {
		if j.judge.Policy, err = p.readPolicy(f.policy, table); err != nil {
			return nil, err
		}
		j.tally.Policy = j.judge.Policy
		p.tellProblems(j.judge.Policy.Warnings())
	}
	if j.judge.Baseline, err = f.readBaseline(); err != nil {
		return nil, err
	}
	if f.saveBaseline != "" {
		if _, err := os.Stat(filepath.Dir(f.saveBaseline)); err != nil {
			return nil, usagef("--save-baseline: %w", err)
		}
	}
	return j, nil
}

// judge gives a detector for single records. It is nil if neither --policy nor
// --baseline is given.
func (f *judgeFlags) judge(p *process, table region.Table) (*detect.Detector, error) {
	if f.policy == "" && f.baseline == "" {
		return nil, nil
	}
	j, err := f.open(p, table)
	if err != nil {
		return nil, err
	}
	return j.judge, nil
}

// readBaseline reads the baseline (what earlier runs have learned) from the file of
// --baseline. It is empty without that flag. The file may be missing only if this run
// will write it. So the first of many runs can have the same command line as the rest.
func (f *judgeFlags) readBaseline() (*detect.Baseline, error) {
	if f.baseline == "" {
		return &detect.Baseline{}, nil
	}
	b, err := os.ReadFile(f.baseline)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Clean(f.baseline) == filepath.Clean(f.saveBaseline):
		return &detect.Baseline{}, nil
	case err != nil:
		return nil, usagef("--baseline: %w", err)
	}
	known, err := detect.ParseBaseline(b)
	if err != nil {
		return nil, hinted{usagef("--baseline %q: %w", f.baseline, err), "make a new one: trailgate audit SOURCE --save-baseline FILE"}
	}
	return known, nil
}

// add judges one sign-in, and the baseline learns it. If there is a policy, it also
// counts what the policy decides.
func (j *judgement) add(e *signin.Event, v analyzer.Verdict) {
	j.judge.Add(e, v)
	if j.tally.Policy != nil {
		j.tally.Add(e, j.tally.Policy.Decide(e, v))
	}
}

// conclude stores the findings of all sign-ins in j.found. It is called after the last
// one.
func (j *judgement) conclude() { j.found = j.judge.Findings() }

// writeBaseline writes what was learned to the file of --save-baseline, whole or not at
// all. It does nothing if the flag is not given.
func (j *judgement) writeBaseline() error {
	if j.save == "" {
		return nil
	}
	b, err := json.Marshal(j.judge.Baseline)
	if err != nil {
		return fmt.Errorf("save the baseline: %w", err)
	}
	err = atomicfile.Replace(j.save, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("save the baseline: %w", err)
	}
	return nil
}

// verdict is errFindings if there is a finding at or above --fail-on, and otherwise
// nil.
func (j *judgement) verdict() error {
	for _, f := range j.found {
		if j.failOn != 0 && f.Severity >= j.failOn {
			return errFindings
		}
	}
	return nil
}

// describe puts the findings and their counts into the document. grouped means that it
// is a report for people: findings are then grouped by principal. It adds a remark if
// sign-ins were too old to be compared with the baseline.
func (j *judgement) describe(d *report.Report, grouped bool) {
	s := &d.Summary
	s.Judged, s.NotJudged, s.Findings, s.Severities = true, j.judge.NotJudged(), len(j.found), map[string]int{}
	by := map[string]int{}
	for _, f := range j.found {
		s.Severities[f.Severity.String()]++
		by[f.Event.Principal()]++
	}
	for i := range d.Principals {
		d.Principals[i].Findings = by[d.Principals[i].Principal]
	}
	all := j.found
	if grouped {
		all = convert.GroupByPrincipal(all)
	}
	d.Findings = convert.Findings(all)
	if n := j.judge.Late(); n > 0 {
		d.Coverage.Remarks = append(slices.Clone(d.Coverage.Remarks), fmt.Sprintf(
			"%s not newer than the baseline, which has learned up to %s: they were not compared with history",
			text.Count(n, "sign-in"), j.judge.Baseline.LearnedUntil().Format(time.RFC3339)))
	}
}
