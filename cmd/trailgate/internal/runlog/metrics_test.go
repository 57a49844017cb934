package runlog

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trailgate/cmd/trailgate/internal/batch"

	"github.com/google/go-cmp/cmp"
)

// parseMetrics is a strict reader of the Prometheus text format: each metric
// with HELP and TYPE before its samples, its samples in one block, each once,
// no time stamps. It gives the value of each sample, by name and labels as
// they mean.
func parseMetrics(text string) (map[string]float64, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	name := regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	line := regexp.MustCompile(`^([^{ ]+)(?:\{(.*)\})? ([^ ]+)$`)
	label := regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)`)
	out, seen := map[string]float64{}, map[string]bool{}
	help, metric := "", ""
	for row := range strings.Lines(text) {
		row = strings.TrimSuffix(row, "\n")
		if rest, ok := strings.CutPrefix(row, "# HELP "); ok {
			var words string
			help, words, _ = strings.Cut(rest, " ")
			if words == "" || strings.Contains(words, `\`) || seen[help] {
				return nil, fmt.Errorf("help %q", row)
			}
			continue
		}
		if rest, ok := strings.CutPrefix(row, "# TYPE "); ok {
			of, kind, _ := strings.Cut(rest, " ")
			if of != help || !name.MatchString(of) || (kind == "counter") != strings.HasSuffix(of, "_total") || kind != "gauge" && kind != "counter" {
				return nil, fmt.Errorf("type %q", row)
			}
			metric, seen[of] = of, true
			continue
		}
		m := line.FindStringSubmatch(row)
		if m == nil || m[1] != metric {
			return nil, fmt.Errorf("sample %q of metric %q", row, metric)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		key, names := m[1], map[string]bool{}
		for rest := m[2]; rest != ""; {
			l := label.FindStringSubmatch(rest)
			if l == nil || names[l[1]] {
				return nil, fmt.Errorf("labels %q", m[2])
			}
			names[l[1]] = true
			key += fmt.Sprintf(" %s=%s", l[1], strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(l[2]))
			rest = rest[len(l[0]):]
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("sample %q twice", key)
		}
		out[key] = value
	}
	return out, nil
}

// exitStatus is the exit status of a status, as the command has it.
func exitStatus(status string) int {
	return map[string]int{batch.StatusComplete: 0, batch.StatusFailed: 1, batch.StatusSkipped: 3, batch.StatusFindings: 4, batch.StatusInterrupted: 130}[status]
}

// write writes the metrics of a run that ended at a moment.
func write(at time.Time, path string, s *batch.Summary) error {
	return WriteMetrics(path, s, exitStatus(s.Status), at)
}

func readMetrics(t *testing.T, path string) (string, map[string]float64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values, err := parseMetrics(string(b))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	return string(b), values
}

func TestMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trailgate.prom")
	end := time.Date(2026, 3, 2, 1, 15, 1, 500e6, time.UTC)
	if err := write(end, path, sampleSummary()); err != nil {
		t.Fatal(err)
	}
	_, got := readMetrics(t, path)
	want := map[string]float64{
		"build_info version=0.1.0":         1,
		"last_run_timestamp_seconds":       float64(end.UnixMilli()) / 1e3,
		"last_success_timestamp_seconds":   float64(end.UnixMilli()) / 1e3,
		"last_run_duration_seconds":        1.5,
		"last_run_exit_status":             3,
		"generation":                       42,
		"settled_timestamp_seconds":        float64(end.AddDate(0, 0, -1).Truncate(time.Minute).Unix()),
		"objects outcome=read":             7,
		"objects outcome=skipped":          1,
		"objects outcome=excluded":         2,
		"object_bytes form=packed":         1000,
		"object_bytes form=inflated":       7000,
		"records outcome=sign_in":          7,
		"records outcome=duplicate":        3,
		"records outcome=outside":          4,
		"records outcome=filtered":         6,
		"skipped_records":                  1,
		"sign_ins state=new":               5,
		"sign_ins state=known":             2,
		"late_sign_ins":                    1,
		"findings severity=low":            1,
		"findings severity=medium":         0,
		"findings severity=high":           0,
		"findings severity=critical":       2,
		"finding_changes change=new":       2,
		"finding_changes change=changed":   1,
		"finding_changes change=withdrawn": 1,
		"standing_findings":                9,
		"owed_objects":                     1,
		"owed_oldest_timestamp_seconds":    float64(end.AddDate(0, 0, -2).Truncate(time.Minute).Unix()),
		"added_files table=signins":        1,
		"added_files table=findings":       1,
		"added_rows table=signins":         5,
		"added_rows table=findings":        9,
		"replaced_files":                   1,
	}
	labelled := map[string]float64{}
	for key, value := range want {
		name, label, ok := strings.Cut(key, " ")
		key = metricPrefix + name + " lake=s3://example-lake/trailgate"
		if ok {
			key += " " + label
		}
		labelled[key] = value
	}
	if diff := cmp.Diff(labelled, got); diff != "" {
		t.Error(diff)
	}
}

// The time of the last success outlives runs that fail, and only those.
func TestMetricsOfAFailedRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trailgate.prom")
	good, bad := time.Date(2026, 3, 2, 1, 15, 1, 250e6, time.UTC), time.Date(2026, 3, 3, 1, 15, 0, 0, time.UTC)
	key := lastSuccess + " lake=s3://example-lake/trailgate"
	failed := func(status string) *batch.Summary {
		a := sampleSummary()
		a.Status, a.Error = status, "denied"
		return a
	}

	if err := write(bad, path, failed(batch.StatusFailed)); err != nil {
		t.Fatal(err)
	}
	if _, got := readMetrics(t, path); got[metricPrefix+"last_run_exit_status lake=s3://example-lake/trailgate"] != 1 {
		t.Errorf("exit status: %v", got)
	} else if at, said := got[key]; !said || at != 0 {
		t.Errorf("before there was a success: %f, %t", at, said)
	}

	if err := write(good, path, sampleSummary()); err != nil {
		t.Fatal(err)
	}
	for _, status := range []string{batch.StatusFailed, batch.StatusInterrupted, batch.StatusFailed} {
		if err := write(bad, path, failed(status)); err != nil {
			t.Fatal(err)
		}
	}
	_, got := readMetrics(t, path)
	if want := float64(good.UnixMilli()) / 1e3; got[key] != want {
		t.Errorf("last success %f, want %f", got[key], want)
	}
	if want := float64(bad.Unix()); got[metricPrefix+"last_run_timestamp_seconds lake=s3://example-lake/trailgate"] != want {
		t.Error("the last run is not the last one")
	}

	other := failed(batch.StatusFailed)
	other.Lake = "elsewhere"
	if err := write(bad, path, other); err != nil {
		t.Fatal(err)
	}
	if _, got := readMetrics(t, path); got[lastSuccess+" lake=elsewhere"] != 0 {
		t.Error("the success of another lake")
	}
}

// A file that is damaged, foreign or too large says nothing of a success.
func TestMetricsReadBack(t *testing.T) {
	line := lastSuccess + `{lake="lake"} `
	for name, test := range map[string]struct {
		text string
		want int64
	}{
		"whole":          {"# TYPE\n" + line + "1772414101.25\n", 1772414101250},
		"cut":            {line + "17724", 0},
		"no number":      {line + "soon\n", 0},
		"not a number":   {line + "NaN\n", 0},
		"infinite":       {line + "+Inf\n", 0},
		"negative":       {line + "-5\n", 0},
		"far":            {line + "1e300\n", 0},
		"other lake":     {lastSuccess + "{lake=\"lake2\"} 5\n", 0},
		"in a comment":   {"# " + line + "5\n", 0},
		"binary":         {"\x00\xff\xfe", 0},
		"empty":          {"", 0},
		"far down":       {strings.Repeat("#\n", maxMetricsFile) + line + "5\n", 0},
		"second is ours": {lastSuccess + "{lake=\"a\"} 5\n" + line + "6\n", 6000},
	} {
		path := filepath.Join(t.TempDir(), "m.prom")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readLastSuccess(path, "lake")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if test.want == 0 && !got.IsZero() || test.want != 0 && got.UnixMilli() != test.want {
			t.Errorf("%s: %v, want %d", name, got, test.want)
		}
	}
}

func TestMetricsOfTwoJobsGoTogether(t *testing.T) {
	dir := t.TempDir()
	lakes := []string{"s3://example-lake/a", "C:\\lake \"b\"\n\xff"}
	all := map[string]float64{}
	for i, lake := range lakes {
		a := sampleSummary()
		a.Lake = lake
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := write(a.Started, path, a); err != nil {
			t.Fatal(err)
		}
		_, got := readMetrics(t, path)
		for key, value := range got {
			if _, twice := all[key]; twice {
				t.Errorf("%s is in both files", key)
			}
			all[key] = value
		}
		if got, err := readLastSuccess(path, lake); err != nil || !got.Equal(a.Started) {
			t.Errorf("lake %q: last success %v, %v", lake, got, err)
		}
	}
	if _, ok := all[metricPrefix+"owed_objects lake=C:\\lake \"b\"\n\ufffd"]; !ok {
		t.Errorf("no label of the second lake: %v", all)
	}
}

// The file is there whole or as it was, with the permissions it had, and
// nothing is beside it.
func TestMetricsAreWrittenWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "trailgate.prom")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := write(time.Unix(1e9, 0), path, sampleSummary()); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Error(info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
	a := sampleSummary()
	if err := write(time.Unix(1e9, 0), filepath.Join(dir, "absent", "x.prom"), a); err == nil || !strings.HasPrefix(err.Error(), "write metrics: ") {
		t.Errorf("error %v", err)
	}
	a.Status, a.Error = batch.StatusFailed, "x"
	if err := write(time.Unix(1e9, 0), dir, a); err == nil || !strings.HasPrefix(err.Error(), "write metrics: ") {
		t.Errorf("error %v", err)
	}
}

// Nothing owed, nothing settled: no moment is made up, and that there was no
// success yet is said.
func TestMetricsWithoutMoments(t *testing.T) {
	a := &batch.Summary{Trailgate: "0.1.0", Status: batch.StatusFailed, Error: "x", Lake: "lake"}
	text := string(metricsOf(a, exitStatus(a.Status), time.Unix(1e9, 0), time.Time{}))
	if _, err := parseMetrics(text); err != nil {
		t.Fatal(err)
	}
	moments := regexp.MustCompile(`(?m)^# TYPE (\S+_timestamp_seconds) `).FindAllStringSubmatch(text, -1)
	if len(moments) != 2 || moments[0][1] != metricPrefix+"last_run_timestamp_seconds" || moments[1][1] != lastSuccess || !strings.Contains(text, lastSuccess+"{lake=\"lake\"} 0\n") {
		t.Errorf("moments: %v", moments)
	}
	for _, unknown := range []string{"generation", "owed_objects"} {
		if strings.Contains(text, metricPrefix+unknown) {
			t.Errorf("%s of a state that was not read", unknown)
		}
	}
	a.Generation = 41
	if text := string(metricsOf(a, exitStatus(a.Status), time.Unix(1e9, 0), time.Time{})); !strings.Contains(text, metricPrefix+"owed_objects{lake=\"lake\"} 0\n") {
		t.Error("nothing owed goes unsaid")
	}
	if n := strings.Count(text, "\n"+metricPrefix); n != strings.Count(text, "{lake=\"lake\"") {
		t.Errorf("%d samples, not all with a lake:\n%s", n, text)
	}
}

// The strict reader is strict.
func TestMetricsParser(t *testing.T) {
	head := "# HELP a Words.\n# TYPE a gauge\n"
	for _, bad := range []string{
		head + "a 1", head + "b 1\n", "a 1\n", head + "a 1 1700000000\n", head + "a{x=\"1\" 1\n", head + "a{x=\"\\t\"} 1\n",
		head + "a 1\na 2\n", head + "a 1\n" + head + "a{x=\"1\"} 1\n", head + "a{x=\"1\",x=\"2\"} 1\n", head + "a one\n",
		"# TYPE a gauge\na 1\n", "# HELP a Words.\n# TYPE a counter\na 1\n", "# HELP a_total Words.\n# TYPE a_total gauge\na_total 1\n", head + "\n",
	} {
		if got, err := parseMetrics(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
	if _, err := parseMetrics(head + "a{x=\"}\\\"\\\\\\n\",y=\"\"} 1.5e+3\n"); err != nil {
		t.Error(err)
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add("lake", lastSuccess+"{lake=\"lake\"} 5\n", int64(1772414101250))
	f.Add("a\"b\\\n", "", int64(1))
	f.Fuzz(func(t *testing.T, lake, text string, at int64) {
		parseLastSuccess([]byte(text), lake)
		if at <= 0 || at >= 1<<42 {
			return
		}
		when := time.UnixMilli(at).UTC()
		a := sampleSummary()
		a.Lake, a.Trailgate = lake, text
		metrics := metricsOf(a, exitStatus(a.Status), when, when)
		if _, err := parseMetrics(string(metrics)); err != nil {
			t.Fatal(err)
		}
		if got := parseLastSuccess(slices.Concat([]byte(text), []byte("\n"), metrics), lake); !got.Equal(when) && !strings.Contains(text, lastSuccess) {
			t.Fatalf("last success %v, want %v", got, when)
		}
	})
}
