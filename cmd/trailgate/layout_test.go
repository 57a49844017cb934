package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxMainLines is how many lines package main may have without its tests.
const maxMainLines = 3_000

// verbFiles gives the files that hold one verb each.
func verbFiles() []string {
	return []string{"audit.go", "export.go", "compact.go", "state.go", "coverage.go", "explain.go", "policy.go", "schema.go", "generate.go"}
}

// parseMain parses the files of package main without its tests, by name.
func parseMain(t *testing.T) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = file
	}
	return out
}

// declaredNames gives the names that a file declares at the top level, with those of its
// methods. It leaves out exported methods, which only implement an interface.
func declaredNames(file *ast.File) []string {
	var out []string
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || !d.Name.IsExported() {
				out = append(out, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					out = append(out, s.Name.Name)
				case *ast.ValueSpec:
					for _, n := range s.Names {
						out = append(out, n.Name)
					}
				}
			}
		}
	}
	return out
}

// TestVerbsStandAlone reads the file of each verb. It may use names of the shared files,
// and none that the file of another verb declares: so a verb can be understood, and
// changed, alone. A name that several files declare, such as that of a method, is not
// looked at.
func TestVerbsStandAlone(t *testing.T) {
	files := parseMain(t)
	owner, owners := map[string]string{}, map[string]int{}
	for path, file := range files {
		for _, name := range declaredNames(file) {
			owner[name] = path
			owners[name]++
		}
	}
	isVerb := map[string]bool{}
	for _, path := range verbFiles() {
		if files[path] == nil {
			t.Fatalf("%s is missing", path)
		}
		isVerb[path] = true
	}
	for _, path := range verbFiles() {
		ast.Inspect(files[path], func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if ok && owners[id.Name] == 1 && owner[id.Name] != path && isVerb[owner[id.Name]] {
				t.Errorf("%s uses %s, which %s declares", path, id.Name, owner[id.Name])
			}
			return true
		})
	}
}

// TestMainIsSmall keeps package main to the command line. Work belongs into a package.
func TestMainIsSmall(t *testing.T) {
	lines := 0
	for path := range parseMain(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(text), "\n")
	}
	if lines > maxMainLines {
		t.Errorf("package main has %d lines without tests, want at most %d", lines, maxMainLines)
	}
}

// TestBatchIsALibrary wants the packages of the batch job to be free of the command line:
// of its flags, its verbs and its progress bar.
func TestBatchIsALibrary(t *testing.T) {
	for _, name := range []string{"./internal/batch", "./internal/runlog"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`(?m)^.*(cobra|pflag|progressbar).*$`).FindAllString(string(out), -1); len(found) > 0 {
			t.Errorf("%s depends on %q", name, found)
		}
	}
}
