package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// readDeployFile reads a file below deploy.
func readDeployFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("deploy", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantExport fails the test unless export takes the command line. The verb must know
// the flags, the source must be valid, and --to must be given.
func wantExport(t *testing.T, argv []string) {
	t.Helper()
	if err := checkExport(argv); err != nil {
		t.Errorf("%q: %v", argv, err)
	}
}

// checkExport says what is wrong with a command line of export.
func checkExport(argv []string) error {
	if len(argv) < 2 || filepath.Base(argv[0]) != "trailgate" {
		return errors.New("not the command")
	}
	cmd, rest, err := newRoot(&process{now: time.Now}).Find(argv[1:])
	switch {
	case err != nil:
		return err
	case cmd.Name() != "export":
		return fmt.Errorf("verb %q", cmd.CommandPath())
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	args := cmd.Flags().Args()
	if len(args) != 1 || !regexp.MustCompile(`^s3://[A-Za-z0-9.-]+$`).MatchString(args[0]) {
		return fmt.Errorf("sources %q", args)
	}
	if !cmd.Flags().Changed("to") {
		return errors.New("no --to")
	}
	if asked, err := cmd.Flags().GetBool("quiet"); asked || err != nil {
		return fmt.Errorf("--quiet is given: %w", err)
	}
	return nil
}

func TestDeployCheckCanFail(t *testing.T) {
	good := []string{"/usr/local/bin/trailgate", "export", "s3://bucket", "--to", "/lake"}
	if err := checkExport(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]string{
		{"trailgate"}, {"cat", "export", "s3://bucket", "--to", "/lake"}, {"trailgate", "audit", "s3://bucket"},
		{"trailgate", "export", "s3://bucket"}, {"trailgate", "export", "--to", "/lake"}, append(slices.Clone(good), "--no-such-flag"),
		append(slices.Clone(good), "--settle", "soon"), append(slices.Clone(good), "s3://"), append(slices.Clone(good), "--quiet"),
	} {
		if checkExport(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// unit is a systemd unit: section to key to the values of the key, in their order.
type unit map[string]map[string][]string

// unitKeys gives the keys that the units may have in each section.
func unitKeys() map[string]string {
	return map[string]string{
		"Unit":    "Description Wants After StartLimitIntervalSec StartLimitBurst",
		"Timer":   "OnCalendar RandomizedDelaySec Persistent",
		"Install": "WantedBy",
		"Service": `Type Environment EnvironmentFile ExecStart SuccessExitStatus Restart RestartSec RestartPreventExitStatus TimeoutStopSec
			TimeoutStartSec DynamicUser User StateDirectory StateDirectoryMode RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve UMask
			CapabilityBoundingSet AmbientCapabilities NoNewPrivileges LockPersonality MemoryDenyWriteExecute PrivateDevices PrivateTmp PrivateUsers
			ProcSubset ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables
			ProtectProc ProtectSystem RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID SystemCallArchitectures
			SystemCallErrorNumber SystemCallFilter Nice`,
	}
}

// parseUnit reads a unit. It refuses sections and keys that are not in unitKeys.
func parseUnit(text []byte) (unit, error) {
	u, section := unit{}, ""
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			if u[section] != nil || unitKeys()[section] == "" {
				return nil, fmt.Errorf("section %q", section)
			}
			u[section] = map[string][]string{}
		case !ok || section == "" || !slices.Contains(strings.Fields(unitKeys()[section]), key) || strings.HasSuffix(value, `\`):
			return nil, fmt.Errorf("line %q in section %q", line, section)
		default:
			u[section][key] = append(u[section][key], value)
		}
	}
	return u, nil
}

// oneValue gives the value of a key that must be there exactly once.
func (u unit) oneValue(t *testing.T, section, key string) string {
	t.Helper()
	if n := len(u[section][key]); n != 1 {
		t.Fatalf("section %s has %s %d times, want once", section, key, n)
	}
	return u[section][key][0]
}

func TestDeploySystemd(t *testing.T) {
	service, err := parseUnit(readDeployFile(t, "systemd/trailgate@.service"))
	if err != nil {
		t.Fatal(err)
	}
	timer, err := parseUnit(readDeployFile(t, "systemd/trailgate@.timer"))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.ReplaceAll(service.oneValue(t, "Service", "ExecStart"), "%i", "example-trail")
	line = strings.TrimSuffix(line, " $TRAILGATE_FLAGS")
	if strings.ContainsAny(line, "%$\"'\\") {
		t.Errorf("the command line needs a shell or a further specifier: %s", line)
	}
	argv := strings.Fields(line)
	wantExport(t, argv)

	// The unit writes only to the folders that systemd makes for it.
	for flag, folder := range map[string]string{
		"--to":           "/var/lib/" + service.oneValue(t, "Service", "StateDirectory") + "/",
		"--metrics-file": "/run/" + service.oneValue(t, "Service", "RuntimeDirectory") + "/",
	} {
		i := slices.Index(argv, flag)
		if folder = strings.ReplaceAll(folder, "%i", "example-trail"); i < 0 || !strings.HasPrefix(argv[i+1], folder) {
			t.Errorf("%s is not in %s: %q", flag, folder, argv)
		}
	}
	for key, want := range map[string]string{"Type": "oneshot", "DynamicUser": "yes", "SuccessExitStatus": strconv.Itoa(exitInterrupted), "UMask": "0022",
		"RestartPreventExitStatus": fmt.Sprint(exitUsage, exitSkipped, exitFindings), "StateDirectoryMode": "0700", "RuntimeDirectoryPreserve": "yes"} {
		if got := service.oneValue(t, "Service", key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	if stop, err := time.ParseDuration(service.oneValue(t, "Service", "TimeoutStopSec")); err != nil || stop <= 10*time.Second {
		t.Errorf("TimeoutStopSec %v, %v: want more than the ten seconds that a run may take to stop", stop, err)
	}
	if timer.oneValue(t, "Install", "WantedBy") != "timers.target" || timer.oneValue(t, "Timer", "Persistent") != "true" {
		t.Error("the timer is not enabled, or does not make up for a night when the machine was off")
	}
	if at := timer.oneValue(t, "Timer", "OnCalendar"); !regexp.MustCompile(`^\*-\*-\* ([01]\d|2[0-3]):[0-5]\d:[0-5]\d UTC$`).MatchString(at) {
		t.Errorf("OnCalendar=%s", at)
	}
}

func TestDeployUnitParserIsStrict(t *testing.T) {
	for _, bad := range []string{"Type=oneshot\n", "[Servcie]\n", "[Service]\nTyp=oneshot\n", "[Timer]\nExecStart=/bin/true\n", "[Service]\nExecStart=a \\\n", "[Unit]\n[Unit]\n", "[Service]\nType\n"} {
		if u, err := parseUnit([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v, want an error", bad, u)
		}
	}
}

// TestDeploySystemdVerify lets systemd check the units, if systemd-analyze is installed.
func TestDeploySystemdVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: systemd-analyze is not installed: the units were parsed, but systemd did NOT verify them")
	}
	verify := func(change string) string {
		dir := t.TempDir()
		for _, name := range []string{"trailgate@.service", "trailgate@.timer"} {
			text := readDeployFile(t, "systemd/"+name)
			text = bytes.ReplaceAll(text, []byte("/usr/local/bin/trailgate"), []byte("/bin/sh")) // a program that exists here
			text = bytes.ReplaceAll(text, []byte("\nType="), []byte("\n"+change+"\nType="))
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", filepath.Join(dir, "trailgate@.service"), filepath.Join(dir, "trailgate@.timer"))
		out, err := cmd.CombinedOutput()
		var about []string
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "trailgate@") {
				about = append(about, line) // other lines are about the units of the machine
			}
		}
		if err != nil && len(about) == 0 {
			t.Skipf("SKIPPED: systemd-analyze does not run here (%v: %s): systemd did NOT verify the units", err, out)
		}
		return strings.Join(about, "")
	}
	if said := verify("Nice=1"); said != "" {
		t.Errorf("systemd-analyze verify: %s", said)
	}
	if said := verify("Nonsense=1"); !strings.Contains(said, "Nonsense") {
		t.Errorf("systemd-analyze verify accepted an unknown key: %q", said)
	}
}

func TestDeployCron(t *testing.T) {
	jobs := 0
	for line := range strings.Lines(string(readDeployFile(t, "cron/trailgate"))) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' || regexp.MustCompile(`^[A-Z]+=\S+$`).MatchString(line) {
			continue
		}
		jobs++
		argv, err := parseCron(line)
		if err != nil {
			t.Fatal(err)
		}
		wantExport(t, argv)
	}
	if jobs != 1 {
		t.Errorf("%d jobs", jobs)
	}
	for _, bad := range []string{"15 1 * * trailgate trailgate export", "61 1 * * * u c", "15 24 * * * u c", "15 1 0 * * u c", "15 1 * 13 * u c", "15 1 * * 8 u c", "a 1 * * * u c", "15 1 * * * u date +%F", "*/0 1 * * * u c", "5-1 1 * * * u c"} {
		if argv, err := parseCron(bad); err == nil {
			t.Errorf("%q was read as %q, want an error", bad, argv)
		}
	}
}

// parseCron reads a line of /etc/cron.d and gives the words of its command.
func parseCron(line string) ([]string, error) {
	fields := strings.Fields(line)
	if len(fields) < 7 || strings.Contains(line, "%") { // cron ends the command at a percent sign
		return nil, fmt.Errorf("line %q", line)
	}
	for i, most := range [...]int{59, 23, 31, 12, 7} {
		least := 0
		if i == 2 || i == 3 {
			least = 1
		}
		for part := range strings.SplitSeq(fields[i], ",") {
			part, step, stepped := strings.Cut(part, "/")
			if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
				return nil, fmt.Errorf("step %q", fields[i])
			}
			if part == "*" {
				continue
			}
			from, to, ranged := strings.Cut(part, "-")
			if !ranged {
				to = from
			}
			a, err := strconv.Atoi(from)
			b, err2 := strconv.Atoi(to)
			if errors.Join(err, err2) != nil || a < least || b > most || a > b {
				return nil, fmt.Errorf("field %q", fields[i])
			}
		}
	}
	if !regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`).MatchString(fields[5]) {
		return nil, fmt.Errorf("user %q", fields[5])
	}
	return fields[6:], nil
}

// wantImage fails the test unless the image is of this version and without a registry.
func wantImage(t *testing.T, image string) {
	t.Helper()
	if image != "trailgate:"+version {
		t.Errorf("image %q, want trailgate:%s", image, version)
	}
}

func TestDeployKubernetes(t *testing.T) {
	type meta struct {
		Name, Namespace string
		Annotations     map[string]string
	}
	type resource struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   meta
		Automount  *bool `yaml:"automountServiceAccountToken"`
		Spec       struct {
			Schedule    string
			TimeZone    string `yaml:"timeZone"`
			Concurrency string `yaml:"concurrencyPolicy"`
			Deadline    int    `yaml:"startingDeadlineSeconds"`
			Successful  int    `yaml:"successfulJobsHistoryLimit"`
			Failed      int    `yaml:"failedJobsHistoryLimit"`
			JobTemplate struct {
				Spec struct {
					BackoffLimit int `yaml:"backoffLimit"`
					Deadline     int `yaml:"activeDeadlineSeconds"`
					Policy       struct {
						Rules []struct {
							Action string
							Exit   struct {
								Container string `yaml:"containerName"`
								Operator  string
								Values    []int
							} `yaml:"onExitCodes"`
							Pod []struct{ Type string } `yaml:"onPodConditions"`
						}
					} `yaml:"podFailurePolicy"`
					Template struct {
						Spec struct {
							Account  string `yaml:"serviceAccountName"`
							Restart  string `yaml:"restartPolicy"`
							Grace    int    `yaml:"terminationGracePeriodSeconds"`
							Security struct {
								NonRoot bool                  `yaml:"runAsNonRoot"`
								User    int                   `yaml:"runAsUser"`
								Group   int                   `yaml:"runAsGroup"`
								Seccomp struct{ Type string } `yaml:"seccompProfile"`
							} `yaml:"securityContext"`
							Containers []struct {
								Name, Image   string
								Command, Args []string
								Resources     struct{ Requests, Limits map[string]string }
								Security      struct {
									Escalation   *bool                   `yaml:"allowPrivilegeEscalation"`
									ReadOnly     bool                    `yaml:"readOnlyRootFilesystem"`
									Capabilities struct{ Drop []string } `yaml:"capabilities"`
								} `yaml:"securityContext"`
							}
						}
					}
				}
			} `yaml:"jobTemplate"`
		}
	}
	var all []resource
	for d := yaml.NewDecoder(bytes.NewReader(readDeployFile(t, "kubernetes/cronjob.yaml")), yaml.Strict()); ; {
		var r resource
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err) // an unknown key is a mistake in the file, or is missing in this test
		}
		all = append(all, r)
	}
	if len(all) != 2 || all[0].Kind != "ServiceAccount" || all[1].Kind != "CronJob" || all[1].APIVersion != "batch/v1" {
		t.Fatalf("resources %+v", all)
	}
	account, job := all[0], all[1].Spec
	pod := job.JobTemplate.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := pod.Containers[0]
	wantImage(t, c.Image)
	wantExport(t, append(slices.Clone(c.Command), c.Args...))
	if _, err := parseCron(job.Schedule + " user command"); err != nil {
		t.Error(err)
	}
	rules := job.JobTemplate.Spec.Policy.Rules
	for what, ok := range map[string]bool{
		"one at a time":                job.Concurrency == "Forbid",
		"in UTC":                       job.TimeZone == "Etc/UTC",
		"the account is the pod's":     account.Metadata.Name == pod.Account && account.Metadata.Namespace == all[1].Metadata.Namespace,
		"a role":                       strings.HasPrefix(account.Metadata.Annotations["eks.amazonaws.com/role-arn"], "arn:aws:iam::111122223333:role/"),
		"no token of the API server":   account.Automount != nil && !*account.Automount,
		"time to stop":                 pod.Grace > 10,
		"never, as a policy asks":      pod.Restart == "Never",
		"no second try of what stays":  len(rules) == 2 && cmp.Equal(rules[0].Exit.Values, []int{exitUsage, exitSkipped, exitFindings}) && rules[0].Exit.Container == c.Name && rules[0].Action == "FailJob" && rules[0].Exit.Operator == "In",
		"not root":                     pod.Security.NonRoot && pod.Security.User > 0 && pod.Security.Group > 0 && pod.Security.Seccomp.Type == "RuntimeDefault",
		"nothing to write":             c.Security.ReadOnly && c.Security.Escalation != nil && !*c.Security.Escalation && cmp.Equal(c.Security.Capabilities.Drop, []string{"ALL"}),
		"bounded":                      c.Resources.Requests["cpu"] != "" && c.Resources.Requests["memory"] != "" && c.Resources.Limits["memory"] != "",
		"lake in a bucket":             slices.ContainsFunc(c.Args, func(a string) bool { return strings.HasPrefix(a, "--to=s3://") }),
		"one that hangs is not in way": job.JobTemplate.Spec.Deadline < 24*3600 && job.JobTemplate.Spec.Deadline > 0,
	} {
		if !ok {
			t.Errorf("the job does not satisfy: %s", what)
		}
	}
}

// TestDeployNamesNobody wants the files to be free of real registries, accounts, keys
// and addresses.
func TestDeployNamesNobody(t *testing.T) {
	err := fs.WalkDir(os.DirFS("deploy"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text := string(readDeployFile(t, path))
		for _, id := range regexp.MustCompile(`\b\d{12}\b`).FindAllString(text, -1) {
			if id != "111122223333" {
				t.Errorf("%s: account %s", path, id)
			}
		}
		if m := regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]+|\bdkr\.ecr\b|[a-z0-9-]+\.(io|dev|com)/[a-z]+[:@]`).FindString(text); m != "" {
			t.Errorf("%s: %s", path, m)
		}
		if !strings.HasSuffix(text, "\n") || strings.Contains(text, "\t") || strings.Contains(text, " \n") {
			t.Errorf("%s has a tab, a space at the end of a line, or an unfinished last line", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
