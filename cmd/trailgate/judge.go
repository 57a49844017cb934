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
	"trailgate/analyzer/endpoint"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/cmd/trailgate/internal/atomicfile"
	"trailgate/ingest/signin"
	"trailgate/report"
	"trailgate/report/convert"
)

// errFindings ends a run that found something at or above --fail-on.
var errFindings = errors.New("findings at or above --fail-on")

// judgeFlags say what is expected of people.
type judgeFlags struct {
	policy       string
	baseline     string
	saveBaseline string
	learnUntil   string
	failOn       string
	set          *pflag.FlagSet // that they are registered in
}

func (f *judgeFlags) registerJudging(s *pflag.FlagSet) {
	f.registerJob(s)
	f.registerBaseline(s)
	s.StringVar(&f.saveBaseline, "save-baseline", "", "write what is known at the end to this `file`, for the next run's --baseline")
}

// registerJob registers what goes with a baseline that is kept elsewhere.
func (f *judgeFlags) registerJob(s *pflag.FlagSet) {
	f.registerPolicy(s)
	s.StringVar(&f.learnUntil, "learn-until", "", "flag nothing before this `time`, only learn")
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

// judgement is a run's judge, and what it is to do with the answer.
type judgement struct {
	judge  *detect.Detector
	tally  policy.Tally // of the policy, if there is one
	failOn rule.Severity
	save   string
	found  []detect.Finding
}

// open reads the files that the flags name.
func (f *judgeFlags) open(p *process, table endpoint.Table) (*judgement, error) {
	j := &judgement{judge: &detect.Detector{}, save: f.saveBaseline}
	var err error
	if j.judge.LearnUntil, err = parseTime("learn-until", f.learnUntil, p.now()); err != nil {
		return nil, err
	}
	// Given without a value, as by a variable that is not set, is a mistake and
	// not the same as not given.
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

// judge gives a judge of single records, or nil where nothing is expected.
func (f *judgeFlags) judge(p *process, table endpoint.Table) (*detect.Detector, error) {
	if f.policy == "" && f.baseline == "" {
		return nil, nil
	}
	j, err := f.open(p, table)
	if err != nil {
		return nil, err
	}
	return j.judge, nil
}

// readBaseline reads the file of an earlier run. It may be missing only if
// this run is to write it: so the first of many runs has the same command line
// as the rest.
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

// add judges one sign-in.
func (j *judgement) add(e *signin.Event, v analyzer.Verdict) {
	j.judge.Add(e, v)
	if j.tally.Policy != nil {
		j.tally.Add(e, j.tally.Policy.Decide(e, v))
	}
}

// conclude takes the findings, once all sign-ins are judged.
func (j *judgement) conclude() { j.found = j.judge.Findings() }

// writeBaseline saves what is known now, whole or not at all.
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

// verdict is errFindings if there is a finding that the run is to fail on.
func (j *judgement) verdict() error {
	for _, f := range j.found {
		if j.failOn != 0 && f.Severity >= j.failOn {
			return errFindings
		}
	}
	return nil
}

// describe puts what was found into the document: grouped by person where that
// is to be read as a report, or else in the order of rows.
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
			"%s not newer than what the baseline already knows (through %s): expectations from history did not speak of them",
			text.Count(n, "sign-in"), j.judge.Baseline.LearnedUntil().Format(time.RFC3339)))
	}
}
