package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trailgate/fixtures/cloudtrail"
)

// flagWorld holds the files that the command lines of these tests name.
type flagWorld struct {
	dir     string
	trail   string // a generated trail
	lake    string // an export of a trail with an unreadable object
	backlog string // the key of that object
}

// path gives the path of a file in the world.
func (w *flagWorld) path(name string) string { return filepath.Join(w.dir, name) }

// runCommand runs a command line in this process. It gives the exit status and what was
// written to standard error.
func runCommand(args ...string) (code int, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), process{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: os.Getenv, now: time.Now})
	return code, errs.String()
}

// newFlagWorld makes the files.
func newFlagWorld(t *testing.T) *flagWorld {
	t.Helper()
	w := &flagWorld{dir: t.TempDir()}
	w.trail, w.lake = w.path("trail"), w.path("lake")
	for name, text := range map[string]string{"policy.yaml": "version: 1\nrules:\n  - {match: {user: \"*\"}, allow: [\"*\"]}\n", "regions.txt": "aws eu-new-9\n"} {
		if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.backlog = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/10/111122223333_CloudTrail_eu-west-1_20260310T0005Z_UniqueString0001.json.gz"
	broken := filepath.Join(w.path("broken"), filepath.FromSlash(w.backlog))
	if err := os.MkdirAll(filepath.Dir(broken), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte("not gzip"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []struct {
		want int
		args []string
	}{
		{exitComplete, []string{"generate", w.trail, "--files", "6", "--sign-ins", "20", "--days", "2", "--one-partition"}},
		{exitComplete, []string{"audit", w.trail, "--save-baseline", w.path("baseline.json"), "-o", w.path("audit.txt")}},
		{exitSkipped, []string{"export", w.trail, w.path("broken"), "--to", w.lake, "--since", "2026-03-01"}},
	} {
		if code, stderr := runCommand(line.args...); code != line.want {
			t.Fatalf("%q: exit status %d, want %d\n%s", line.args, code, line.want, stderr)
		}
	}
	return w
}

// arguments gives the words that a verb needs to run, before any further flag. Each call
// has its own copy of the lake, because some verbs change it.
func (w *flagWorld) arguments(t *testing.T, verb, flag string) []string {
	t.Helper()
	own := t.TempDir()
	lakeCopy := func() string {
		to := filepath.Join(own, "lake")
		if err := os.CopyFS(to, os.DirFS(w.lake)); err != nil {
			t.Fatal(err)
		}
		return to
	}
	switch verb {
	case "audit", "policy learn":
		if flag == "resume" { // only the Event history can be resumed
			return []string{"lookup://us-east-1"}
		}
		return []string{w.trail}
	case "export":
		if flag == "to" {
			return []string{w.trail}
		}
		return []string{w.trail, "--to", filepath.Join(own, "lake")}
	case "coverage":
		return []string{w.trail}
	case "policy check":
		return []string{w.path("policy.yaml")}
	case "explain":
		return []string{"https://example.signin.aws.amazon.com/console"}
	case "compact", "state show":
		if flag == "to" {
			return nil
		}
		return []string{"--to", lakeCopy()}
	case "state forgive":
		if flag == "to" {
			return []string{w.backlog}
		}
		return []string{w.backlog, "--to", lakeCopy()}
	case "schema":
		if flag == "to" || flag == "partition-by" {
			return []string{"--ddl", "duckdb"}
		}
	case "generate":
		to := []string{filepath.Join(own, "trail")}
		switch flag {
		case "scenario":
			return append(to, "--people", "50", "--days", "90")
		case "bomb":
			return append(to, "--faults", "--files", "6", "--sign-ins", "20")
		case "files", "sign-ins", "help":
			return to
		}
		return append(to, "--files", "60", "--sign-ins", "20")
	}
	return nil
}

// values gives a valid value for each flag that takes one.
func (w *flagWorld) values(t *testing.T, verb string) map[string]string {
	t.Helper()
	own := t.TempDir()
	to := filepath.Join(own, "lake")
	if verb == "compact" || strings.HasPrefix(verb, "state ") {
		if err := os.CopyFS(to, os.DirFS(w.lake)); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(to, "_trailgate", "state")
	return map[string]string{
		"since": "2026-03-01", "until": "2026-03-19", "account": "111122223333", "region": "us-east-1", "lateness": "1h",
		"workers": "2", "max-object-size": "1GiB", "regions-file": w.path("regions.txt"),
		"role-arn": "arn:aws:iam::111122223333:role/reader", "profile": "default", "endpoint-url": "http://127.0.0.1:1",
		"region-timeout": "5s", "resume": filepath.Join(own, "resume"),
		"format": "json", "output": filepath.Join(own, "out"), "rows": "findings",
		"policy": w.path("policy.yaml"), "baseline": w.path("baseline.json"), "save-baseline": filepath.Join(own, "baseline.json"),
		"learn-until": "2026-03-02", "fail-on": "critical",
		"to": to, "state": state, "lock-wait": "1s", "lease": "1m",
		"partition-by": "account_id", "settle": "24h", "look-back": "1h", "log-format": "json", "metrics-file": filepath.Join(own, "metrics.prom"),
		"against": w.trail, "ddl": "athena",
		"seed": "1", "accounts": "1", "regions": "2", "days": "3", "people": "12", "files": "6", "records-per-file": "3", "sign-ins": "20",
		"prefix": "p", "layout": "organization", "bomb": "1MB", "scenario": "organization", "start": "2026-03-02",
	}
}

// leafVerbs gives the verbs that do something, by their words behind the program's name.
func leafVerbs() map[string]*cobra.Command {
	out := map[string]*cobra.Command{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		if !c.HasSubCommands() {
			out[strings.TrimPrefix(c.CommandPath(), "trailgate ")] = c
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&process{now: time.Now}))
	return out
}

// TestVerbsTakeTheirFlags gives each flag of each verb a valid value. A verb must not
// offer a flag that it then refuses.
func TestVerbsTakeTheirFlags(t *testing.T) {
	w := newFlagWorld(t)
	history := &cloudtrail.Server{}
	eventHistory(t, history, 3, "us-east-1")
	server := httptest.NewServer(history)
	defer server.Close()
	for _, pair := range historyEnv(server.URL) {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	for verb, cmd := range leafVerbs() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			words := strings.Fields(verb)
			if f.NoOptDefVal != "" { // a switch
				words = append(words, "--"+f.Name)
			} else if value, ok := w.values(t, verb)[f.Name]; ok {
				words = append(words, "--"+f.Name, value)
			} else {
				t.Errorf("%s --%s: this test does not have a valid value", verb, f.Name)
				return
			}
			if verb == "audit" && f.Name == "rows" {
				words = append(words, "--format", "csv")
			}
			args := append(words, w.arguments(t, verb, f.Name)...)
			if code, stderr := runCommand(args...); code == exitUsage || code == exitFailed {
				t.Errorf("%q: exit status %d\n%s", args, code, stderr)
			}
		})
	}
}

// TestVerbsRefuseOtherFlags gives each verb the flags of the other verbs. The exit status
// must be that of a usage error, and the message must name the flag.
func TestVerbsRefuseOtherFlags(t *testing.T) {
	verbs := leafVerbs()
	var names []string
	for _, cmd := range verbs {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	}
	slices.Sort(names)
	for verb, cmd := range verbs {
		for _, name := range slices.Compact(slices.Clone(names)) {
			if cmd.Flags().Lookup(name) != nil {
				continue
			}
			code, stderr := runCommand(append(strings.Fields(verb), "--"+name+"=x")...)
			if code != exitUsage || !strings.Contains(stderr, "--"+name) || !strings.Contains(stderr, "hint: ") {
				t.Errorf("%s --%s: exit status %d, want %d and a hint\n%s", verb, name, code, exitUsage, stderr)
			}
		}
	}
}

// TestVerbsExplainMissingFlags checks the flags that a reader of another verb's help may
// expect. The message must say why the verb does not have them.
func TestVerbsExplainMissingFlags(t *testing.T) {
	for _, c := range []struct {
		line string
		want string
	}{
		{"export t --to l --resume=f", "keeps its own state"},
		{"export t --to l --lateness=1h", "--look-back"},
		{"coverage t --region=us-east-1", "every Region"},
		{"coverage t --resume=f", "interrupted run"},
	} {
		code, stderr := runCommand(strings.Fields(c.line)...)
		if code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit status %d, want %d and %q\n%s", c.line, code, exitUsage, c.want, stderr)
		}
	}
}
