package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Standard"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

const module = "trailgate/"

// allowed says which packages of ours a package of ours may import.
func allowed(from, to string) bool {
	in := func(p string, roots ...string) bool {
		for _, r := range roots {
			if p == r || strings.HasPrefix(p, r+"/") {
				return true
			}
		}
		return false
	}
	switch {
	case in(from, "cmd"):
		return !in(to, "ingest/ingesttest")
	case in(from, "ingest/signin"), in(from, "fixtures/s3"), in(from, "ingest/aws/region"), in(from, "ingest/aws/answer"):
		return false
	case in(from, "ingest/aws"):
		return in(to, "ingest/aws")
	case in(from, "report/lake"):
		return to == "report/row" || in(to, "ingest/aws")
	case in(from, "report/convert"):
		return in(to, "report", "analyzer", "ingest") && !in(to, "ingest/ingesttest", "report/lake")
	case in(from, "fixtures"):
		return in(to, "fixtures")
	case in(from, "report"):
		return in(to, "report")
	case from == "ingest", in(from, "ingest/record"):
		return in(to, "ingest/signin", "ingest/record")
	case in(from, "analyzer"):
		return to == "ingest/signin" || to == "ingest/aws/region" || in(to, "analyzer")
	case in(from, "ingest/trail/store"):
		return to == "ingest" || to == "ingest/trail" || in(to, "ingest/aws")
	case in(from, "ingest/ingesttest"):
		return in(to, "ingest", "fixtures")
	case in(from, "ingest"):
		return to == "ingest" || in(to, "ingest/signin", "ingest/record", "ingest/aws")
	}
	return false
}

// home says where a library may be imported. Libraries not named here belong
// to the command alone.
func home(from, library string) bool {
	if strings.HasPrefix(from, "cmd/") {
		return true
	}
	for prefix, homes := range map[string][]string{
		"github.com/aws/":                {"ingest/aws/answer", "ingest/aws/bucket", "ingest/lookup", "report/lake", "fixtures"},
		"github.com/parquet-go/":         {"report"},
		"github.com/olekukonko/":         {"report"},
		"github.com/klauspost/compress/": {"ingest/record", "fixtures", "report"},
		"github.com/goccy/go-yaml":       {"analyzer"},
		"golang.org/x/":                  {"ingest", "fixtures"},
	} {
		for _, h := range homes {
			if strings.HasPrefix(library, prefix) && (from == h || strings.HasPrefix(from, h+"/")) {
				return true
			}
		}
	}
	return false
}

// pure packages do no I/O, keep no clock and throw no dice.
func impure(from, to string) bool {
	switch {
	case strings.HasPrefix(from, "analyzer"), from == "ingest/signin", from == "ingest/record", from == "ingest/aws/region":
		switch strings.Split(to, "/")[0] {
		case "os", "net", "log", "flag", "syscall":
			return to != "net/url"
		case "math":
			return strings.HasPrefix(to, "math/rand")
		}
	}
	return false
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, to := range p.Imports {
			switch ours, is := strings.CutPrefix(to, module); {
			case is && !allowed(from, ours):
				t.Errorf("%s imports %s", from, ours)
			case !is && strings.Contains(strings.Split(to, "/")[0], ".") && !home(from, to):
				t.Errorf("%s imports %s, whose home is elsewhere", from, to)
			case impure(from, to):
				t.Errorf("%s imports %s and is to be pure", from, to)
			}
		}
	}
}

func TestNoTestSuiteIsShipped(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/...") {
		switch p.ImportPath {
		case "testing", module + "ingest/ingesttest", module + "fixtures/s3":
			t.Errorf("the command depends on %s", p.ImportPath)
		}
	}
}
