package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// document is a Markdown file that shows how the command is used.
type document struct {
	path     string
	text     string
	sessions []session
}

// session is one line after "$ " in a console block, with the output shown for it.
type session struct {
	line   string
	status string   // of a comment "# exit status N" in the line; "0" without
	output []string // lines that have to come in this order; "…" stands for any others
}

// manualPaths are the documents whose commands are run, seen from this folder.
func manualPaths(t *testing.T) []string {
	t.Helper()
	topics, err := filepath.Glob("doc/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(topics, "../../README.md")
}

func readDocument(t *testing.T, path string) document {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := document{path: path, text: string(b)}
	for _, block := range blocksOf(d.text, "console") {
		for line := range strings.Lines(block) {
			line = strings.TrimRight(line, "\n")
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				s := session{line: command, status: "0"}
				if m := regexp.MustCompile(`# exit status (\d+)`).FindStringSubmatch(command); m != nil {
					s.status = m[1]
				}
				d.sessions = append(d.sessions, s)
			} else if n := len(d.sessions); n > 0 {
				d.sessions[n-1].output = append(d.sessions[n-1].output, line)
			}
		}
	}
	return d
}

// blocksOf returns the fenced blocks of a language.
func blocksOf(text, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// mainDocument is the command as a reader of the documents has it: on a terminal
// of 100 columns without colors, six days after the last day of the sample trail.
func mainDocument() {
	begin := time.Now()
	os.Exit(run(context.Background(), process{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, outTTY: true, width: 100,
		getenv: func(name string) string {
			if name == "NO_COLOR" {
				return "1"
			}
			return os.Getenv(name)
		},
		now: func() time.Time { return time.Date(2026, 3, 20, 1, 0, 0, 0, time.UTC).Add(time.Since(begin)) },
	}))
}

// Every command in the README and in the topics does what the page says. A page
// is run from its top to its bottom, in a folder that is empty at first. Buckets
// and the Event history are stand-ins that hold the sample trail.
func TestDocumentsRun(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("SKIPPED: no sh on this machine: the commands of the documents were NOT run")
	}
	scripts := t.TempDir()
	all := map[string]document{}
	for _, path := range manualPaths(t) {
		d := readDocument(t, path)
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if len(d.sessions) == 0 {
			continue
		}
		all[name] = d
		if err := os.WriteFile(filepath.Join(scripts, name+".txtar"), []byte("document "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: scripts,
		Setup: func(env *testscript.Env) error {
			for name, value := range map[string]string{
				"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1", "GORACE": os.Getenv("GORACE"),
				"AWS_CONFIG_FILE": env.WorkDir + "/no-config", "AWS_SHARED_CREDENTIALS_FILE": env.WorkDir + "/no-credentials",
			} {
				env.Setenv(name, value)
			}
			env.Values[serverKey{}] = &server{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"document": func(ts *testscript.TestScript, _ bool, args []string) { runDocument(ts, all[args[0]]) },
		},
	})
}

// runDocument runs the commands of a document.
func runDocument(ts *testscript.TestScript, d document) {
	ts.Check(ts.Exec("trailgate", "generate", "served"))
	serveFolder(ts, false, []string{"served", "YOUR-TRAIL-BUCKET"})
	ts.Check(os.Mkdir(ts.MkAbs("empty"), 0o700))
	ts.Check(ts.Value(serverKey{}).(*server).standIn.AddFolder("YOUR-LAKE-BUCKET", ts.MkAbs("empty")))
	serveHistory(ts, false, []string{"served"})
	ts.Check(os.Mkdir(ts.MkAbs("reader"), 0o700))
	ts.Check(ts.Chdir("reader"))
	for _, s := range d.sessions {
		err := ts.Exec("sh", "-c", "trailgate() { trailgate-document \"$@\"; }\n"+s.line)
		status := "0"
		if err != nil {
			status = strings.TrimPrefix(err.Error(), "exit status ")
		}
		output := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if status != s.status {
			ts.Fatalf("%s: $ %s\nexit status %s, want %s\n%s", d.path, s.line, status, s.status, output)
		}
		if missing := missingLine(s.output, output); missing != "" {
			ts.Fatalf("%s: $ %s\ndoes not print, or not in this place:\n%s\nbut:\n%s", d.path, s.line, missing, output)
		}
	}
}

// missingLine returns the first line of shown that output lacks after the lines
// before it. Spaces at the end of a line do not count.
func missingLine(shown []string, output string) string {
	lines := strings.Split(output, "\n")
	for _, want := range shown {
		if strings.TrimSpace(want) == "…" {
			continue
		}
		i := slices.IndexFunc(lines, func(line string) bool { return strings.TrimRight(line, " ") == want })
		if i < 0 {
			return want
		}
		lines = lines[i+1:]
	}
	return ""
}

func TestMissingLine(t *testing.T) {
	for _, c := range []struct {
		shown []string
		want  string
	}{{nil, ""}, {[]string{"a", "c"}, ""}, {[]string{"…", "b", "…"}, ""}, {[]string{"c", "a"}, "a"}, {[]string{"a", "a"}, "a"}, {[]string{"d"}, "d"}} {
		if got := missingLine(c.shown, "a  \nb\nc\n"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.shown, got, c.want)
		}
	}
}

// Commands that are shown outside of console blocks are not run. Each has a
// reason.
func TestDocumentsSayWhatIsNotRun(t *testing.T) {
	reasons := map[string]string{
		"trailgate state forgive --to ./lake KEY":                                          "KEY stands for a key; scripts/export_state has the verb",
		"sudo systemctl enable --now trailgate@YOUR-TRAIL-BUCKET.timer":                    "needs systemd and root; deploy_test has the units",
		"sudo systemctl start trailgate@YOUR-TRAIL-BUCKET.service    # the first run, now": "needs systemd and root; deploy_test has the units",
	}
	for _, path := range manualPaths(t) {
		for _, block := range blocksOf(readDocument(t, path).text, "sh") {
			for line := range strings.Lines(block) {
				line = strings.TrimSpace(line)
				if strings.Contains(line, "trailgate ") && reasons[line] == "" && !strings.HasPrefix(line, "TRAILGATE_FLAGS=") {
					t.Errorf("%s shows %q, which is not run: put it into a console block, or say why not", path, line)
				}
			}
		}
	}
}

// A hint that sends the user to the manual names a page that exists.
func TestHintsNameTopics(t *testing.T) {
	names := helpNames(newRoot(&process{now: time.Now}))
	hints := 0
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`trailgate help ([a-z]+)`).FindAllStringSubmatch(string(b), -1) {
			hints++
			if !slices.Contains(names, m[1]) && m[1] != "lists" {
				t.Errorf("%s names %q, which is neither a topic nor a verb", path, m[0])
			}
		}
		if strings.Contains(string(b), "in the README") {
			t.Errorf("%s names the README, which a user of the binary does not have", path)
		}
		return err
	})
	if err != nil || hints < 3 {
		t.Errorf("%d hints, %v", hints, err)
	}
}

// Links between the documents lead to files that exist.
func TestDocumentsLinkToFiles(t *testing.T) {
	contributing, err := filepath.Glob("../../.github/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(manualPaths(t), contributing...) {
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(readDocument(t, path).text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
		}
	}
}

// The topic about rules explains each rule that a policy can set, and no other.
func TestRulesTopicHasEachRule(t *testing.T) {
	var explained []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+\\.[a-z-]+)` \\|").FindAllStringSubmatch(readDocument(t, "doc/rules.md").text, -1) {
		explained = append(explained, m[1])
	}
	rules := ruleNames(t)
	slices.Sort(explained)
	slices.Sort(rules)
	if !slices.Equal(rules, explained) {
		t.Errorf("doc/rules.md explains\n%q, the rules are\n%q", explained, rules)
	}
}

func TestREADMEIsShort(t *testing.T) {
	d := readDocument(t, "../../README.md")
	if n := strings.Count(d.text, "\n"); n > 200 {
		t.Errorf("README.md has %d lines, at most 200 are wanted", n)
	}
	for _, topic := range helpTopics(t) {
		if !strings.Contains(d.text, "cmd/trailgate/doc/"+topic+".md") {
			t.Errorf("README.md does not link to the topic %s", topic)
		}
	}
}

// helpTopics names the topics.
func helpTopics(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, path := range manualPaths(t) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(filepath.ToSlash(path), ".md"), "doc/"); ok {
			names = append(names, name)
		}
	}
	return names
}

// The library example of the README compiles, and finds what the command finds.
func TestLibraryExample(t *testing.T) {
	blocks := blocksOf(readDocument(t, "../../README.md").text, "go")
	if len(blocks) != 1 {
		t.Fatalf("README.md has %d blocks of Go, want 1", len(blocks))
	}
	dir := t.TempDir()
	if code := run(t.Context(), process{args: []string{"generate", filepath.Join(dir, "trail")}, stdout: &strings.Builder{}, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}); code != 0 {
		t.Fatalf("generate: exit status %d", code)
	}
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(blocks[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", source, filepath.Join(dir, "trail"))
	cmd.Dir, cmd.Stderr = "../..", os.Stderr
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	run(t.Context(), process{args: []string{"audit", filepath.Join(dir, "trail"), "--rows", "findings", "--format", "csv"}, stdout: &want, stderr: &strings.Builder{}, getenv: os.Getenv, now: time.Now})
	if want.Len() == 0 || want.String() != string(got) {
		t.Errorf("the example prints\n%.2000s\nthe command prints\n%.2000s", got, want.String())
	}
}

// ruleNames lists the rules that the JSON Schema of policies has.
func ruleNames(t *testing.T) []string {
	t.Helper()
	var schema strings.Builder
	if code := run(t.Context(), process{args: []string{"policy", "schema"}, stdout: &schema, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}); code != 0 {
		t.Fatalf("policy schema: exit status %d", code)
	}
	var rules []string
	for _, m := range regexp.MustCompile(`(?m)^\s*"([a-z]+\.[a-z-]+)": \{`).FindAllStringSubmatch(schema.String(), -1) {
		rules = append(rules, m[1])
	}
	if len(rules) == 0 {
		t.Fatal(fmt.Errorf("the schema has no rules: %.300s", schema.String()))
	}
	return rules
}
