package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// sourceFile is one Go file of the module.
type sourceFile struct {
	path   string // slash-separated, below the module's root
	test   bool
	lines  int
	text   string
	syntax *ast.File
}

// moduleRoot is the root of the module, seen from this package.
const moduleRoot = "../.."

// readSources parses all Go files of the module, without testdata and without
// nested modules.
func readSources(t *testing.T) (*token.FileSet, []sourceFile) {
	t.Helper()
	set := token.NewFileSet()
	var all []sourceFile
	err := filepath.WalkDir(moduleRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != moduleRoot {
			if _, nested := os.Stat(filepath.Join(path, "go.mod")); nested == nil || d.Name() == "testdata" || d.Name() == "out" || strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(moduleRoot, path)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, sourceFile{path: filepath.ToSlash(name), test: strings.HasSuffix(name, "_test.go"),
			lines: strings.Count(string(text), "\n"), text: string(text), syntax: syntax})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("found only %d Go files", len(all))
	}
	return set, all
}

// folder is the folder of the file, which is its package.
func (f *sourceFile) folder() string { return f.path[:max(0, strings.LastIndex(f.path, "/"))] }

// wing is the first folder of the path.
func (f *sourceFile) wing() string { return f.path[:max(0, strings.Index(f.path, "/"))] }

// TestTopLevel keeps the root of the repository small.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"README.md", "LICENSE", "cmd", "analyzer", "ingest", "report", "fixtures", "go.mod", "go.sum", "Makefile", "bin", "out"}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top level", e.Name())
		}
	}
}

// The sizes that files, functions and packages must not exceed, in lines.
const (
	maxFileLines     = 400
	maxFunctionLines = 59
	maxPackageLines  = 2700
	maxMainFileLines = 60
)

// TestSizes keeps files, functions and packages small.
func TestSizes(t *testing.T) {
	set, all := readSources(t)
	packages := map[string]int{}
	for _, f := range all {
		if f.test {
			continue
		}
		packages[f.folder()] += f.lines
		if f.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", f.path, f.lines, maxFileLines)
		}
		if f.path == "cmd/trailgate/main.go" && f.lines > maxMainFileLines {
			t.Errorf("%s has %d lines, more than %d", f.path, f.lines, maxMainFileLines)
		}
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", f.path, fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
	for folder, n := range packages {
		if n > maxPackageLines && folder != "cmd/trailgate" { // see TestMainIsSmall
			t.Errorf("package %s has %d lines without tests, more than %d", folder, n, maxPackageLines)
		}
	}
}

// TestInterfacesAreSmall allows three methods, embedded interfaces not counted.
func TestInterfacesAreSmall(t *testing.T) {
	_, all := readSources(t)
	for _, f := range all {
		if f.test {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok && i.Methods.NumFields() > 0 {
				methods := 0
				for _, m := range i.Methods.List {
					methods += len(m.Names)
				}
				if methods > 3 {
					t.Errorf("%s: an interface has %d methods", f.path, methods)
				}
			}
			return true
		})
	}
}

// TestEverythingIsDocumented wants a comment on each package and on each
// exported name. Methods that the standard library defines need none.
func TestEverythingIsDocumented(t *testing.T) {
	_, all := readSources(t)
	standard := []string{"Error", "String", "Unwrap", "MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "Write", "Len", "Less", "Swap"}
	packages := map[string]bool{}
	for _, f := range all {
		if f.test {
			continue
		}
		packages[f.folder()] = packages[f.folder()] || f.syntax.Doc != nil
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverExported(d) && !slices.Contains(standard, d.Name.Name) {
					t.Errorf("%s: func %s has no comment", f.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, name := range undocumented(d) {
					t.Errorf("%s: %s has no comment", f.path, name)
				}
			}
		}
	}
	for folder, documented := range packages {
		if !documented {
			t.Errorf("package %s has no comment", folder)
		}
	}
}

// receiverExported reports whether a function is visible outside its package:
// it has no receiver, or one of an exported type.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	kind := d.Recv.List[0].Type
	for {
		switch k := kind.(type) {
		case *ast.StarExpr:
			kind = k.X
		case *ast.IndexExpr:
			kind = k.X
		case *ast.IndexListExpr:
			kind = k.X
		case *ast.Ident:
			return k.IsExported()
		default:
			return false
		}
	}
}

// undocumented lists the exported names of a declaration that no comment covers.
// A comment on a group of constants or variables covers all of them.
func undocumented(d *ast.GenDecl) []string {
	var names []string
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				names = append(names, s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

// TestNoHiddenState forbids init, panic and package variables that can change.
func TestNoHiddenState(t *testing.T) {
	_, all := readSources(t)
	for _, f := range all {
		if f.test {
			continue
		}
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s has an init function", f.path)
				}
			case *ast.GenDecl:
				for _, name := range mutableVariables(d) {
					if f.folder() == "cmd/trailgate/internal/build" {
						continue // the linker sets them, and nothing else does
					}
					t.Errorf("%s: the package variable %s can be changed", f.path, name)
				}
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "panic" {
					t.Errorf("%s calls panic", f.path)
				}
			}
			return true
		})
	}
}

// mutableVariables lists the variables of a declaration that are maps, slices,
// pointers or plain values. Errors, compiled expressions and embedded files are
// values that nobody changes.
func mutableVariables(d *ast.GenDecl) []string {
	var names []string
	if d.Tok != token.VAR {
		return nil
	}
	for _, spec := range d.Specs {
		s := spec.(*ast.ValueSpec)
		if len(s.Values) == 0 && !(d.Doc != nil && strings.Contains(d.Doc.List[len(d.Doc.List)-1].Text, "go:embed")) {
			for _, n := range s.Names {
				if n.Name != "_" {
					names = append(names, n.Name)
				}
			}
			continue
		}
		for i, v := range s.Values {
			name := s.Names[i].Name
			switch v := v.(type) {
			case *ast.CompositeLit:
				if _, array := v.Type.(*ast.ArrayType); array && v.Type.(*ast.ArrayType).Len != nil {
					continue // an array: a copy is cheap, but nothing appends to it
				}
				if _, named := v.Type.(*ast.Ident); !named {
					names = append(names, name)
				}
			case *ast.UnaryExpr, *ast.BasicLit:
				if name != "_" {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// TestProcessIsTouchedOnceOnly wants the process, its clock and its context in
// main.go alone. Goroutines and channels stay below ingest, cmd and fixtures.
func TestProcessIsTouchedOnceOnly(t *testing.T) {
	_, all := readSources(t)
	process := regexp.MustCompile(`\bos\.(Exit|Stdin|Stdout|Stderr|Args|Getenv|LookupEnv)\b|\blog\.Fatal|\bfmt\.Print(f|ln)?\(|\bsignal\.Notify|\bcontext\.(Background|TODO)\(|\btime\.(Now|Sleep|After)\(`)
	for _, f := range all {
		if f.test || strings.HasPrefix(f.path, "cmd/") && strings.HasSuffix(f.path, "/main.go") {
			continue
		}
		if f.path == "fixtures/s3/testing.go" {
			continue // help for tests, which find the program to start in the environment
		}
		for i, line := range strings.Split(f.text, "\n") {
			code, _, _ := strings.Cut(line, "//")
			if found := process.FindString(code); found != "" {
				t.Errorf("%s:%d: %s belongs to main.go", f.path, i+1, found)
			}
		}
		if slices.Contains([]string{"ingest", "fixtures", "cmd"}, f.wing()) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.ChanType:
				t.Errorf("%s uses goroutines or channels", f.path)
			}
			return true
		})
	}
}

// TestSourcesAreAskedNotSwitchedOn forbids type switches and assertions on the
// concrete sources outside their packages. Abilities are small interfaces.
func TestSourcesAreAskedNotSwitchedOn(t *testing.T) {
	_, all := readSources(t)
	switched := regexp.MustCompile(`\.\(\*?(trail|local|lookup)\.|case \*?(trail|local|lookup)\.[A-Z]`)
	for _, f := range all {
		if f.test {
			continue
		}
		for i, line := range strings.Split(f.text, "\n") {
			if switched.MatchString(line) {
				t.Errorf("%s:%d asks for the concrete type of a source", f.path, i+1)
			}
		}
	}
}

// maxOneWord is the share of the unexported functions of a wing that may have a
// name of one word, in percent. A name of two words can be searched.
const maxOneWord = 35

// maxSameName is how often one unexported function name may be defined in a wing.
const maxSameName = 4

// TestNamesCanBeSearched counts the unexported functions and methods with a name
// of one word, and names that are defined again and again.
func TestNamesCanBeSearched(t *testing.T) {
	_, all := readSources(t)
	names := map[string]map[string]int{}
	for _, f := range all {
		if f.test || f.wing() == "fixtures" {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && !fn.Name.IsExported() {
				if names[f.wing()] == nil {
					names[f.wing()] = map[string]int{}
				}
				names[f.wing()][fn.Name.Name]++
			}
		}
	}
	for wing, counts := range names {
		sum, oneWord := 0, 0
		for name, n := range counts {
			sum += n
			if strings.IndexFunc(name, unicode.IsUpper) < 0 {
				oneWord += n
			}
			if n > maxSameName {
				t.Errorf("%s: the name %s is defined %d times", wing, name, n)
			}
		}
		if share := 100 * oneWord / sum; share > maxOneWord {
			t.Errorf("%s: %d of %d unexported functions (%d %%) have a name of one word, more than %d %%", wing, oneWord, sum, share, maxOneWord)
		}
	}
}

// TestNoMetaphors forbids names that once stood for data structures, and types
// that call something an account that is not an AWS account.
func TestNoMetaphors(t *testing.T) {
	_, all := readSources(t)
	metaphor := regexp.MustCompile(`(?i)\b(clerk|desk|` + `leaf|goodbye|parting|outlive|` + `sight|hollow)\b`)
	for _, f := range all {
		if strings.HasSuffix(f.path, "house_source_test.go") {
			continue
		}
		for i, line := range strings.Split(f.text, "\n") {
			if found := metaphor.FindString(line); found != "" {
				t.Errorf("%s:%d: %q is a metaphor", f.path, i+1, found)
			}
		}
		for _, d := range f.syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok && strings.HasSuffix(s.Name.Name, "Account") && s.Name.Name != "Account" && !f.test {
					t.Errorf("%s: type %s: an account is an AWS account", f.path, s.Name.Name)
				}
			}
		}
	}
}

// maxIsNo is how many comments may say "is no". It is not plain English.
const maxIsNo = 15

// TestPlainEnglish forbids "is no X" and "are none" in texts that users read, and
// allows a few in comments.
func TestPlainEnglish(t *testing.T) {
	set, all := readSources(t)
	isNo := regexp.MustCompile(`\b(is|are|was|were|be) (no|none)\b`)
	var comments []string
	for _, f := range all {
		if f.test {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && isNo.MatchString(text) {
					t.Errorf("%s: %q: say \"is not a\" or \"there is nothing\"", set.Position(lit.Pos()), isNo.FindString(text))
				}
			}
			return true
		})
		for _, group := range f.syntax.Comments {
			if isNo.MatchString(group.Text()) {
				comments = append(comments, fmt.Sprint(set.Position(group.Pos())))
			}
		}
	}
	if len(comments) > maxIsNo {
		t.Errorf("%d comments say \"is no\" or \"are none\", more than %d: %v", len(comments), maxIsNo, comments)
	}
}

// TestErrorStyle wants error texts in lower case, without a stop, and without
// words that say nothing. Wrapped errors use the verb w.
func TestErrorStyle(t *testing.T) {
	_, all := readSources(t)
	bad := regexp.MustCompile("(errors\\.New|fmt\\.Errorf)\\((`|\")([A-Z][a-z]|failed to|unable to|could not|error )|(errors\\.New|fmt\\.Errorf)\\(\"[^\"]*[.!]\"|fmt\\.Errorf\\(\"[^\"]*%v[^\"]*\", .*\\berr\\)")
	for _, f := range all {
		for i, line := range strings.Split(f.text, "\n") {
			if !f.test && bad.MatchString(line) {
				t.Errorf("%s:%d: the error's text is not in the style of the house: %s", f.path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// minDetectTests is how many lines of tests package detect has for each 10 lines
// of its code. Its verdicts on people are what a mistake would hurt most.
const minDetectTests = 8

// TestEveryPackageHasTests wants tests in each package, and many in detect.
func TestEveryPackageHasTests(t *testing.T) {
	_, all := readSources(t)
	code, tests := map[string]int{}, map[string]int{}
	for _, f := range all {
		if f.test {
			tests[f.folder()] += f.lines
		} else {
			code[f.folder()] += f.lines
		}
	}
	for folder := range code {
		supportsTests := strings.HasSuffix(folder, "test")
		if tests[folder] == 0 && !supportsTests {
			t.Errorf("package %s has no tests", folder)
		}
	}
	if c, n := code["analyzer/detect"], tests["analyzer/detect"]; 10*n < minDetectTests*c {
		t.Errorf("analyzer/detect has %d lines of tests for %d lines of code", n, c)
	}
}

// maxDirect is how many libraries the module may name itself.
const maxDirect = 22

// TestFewLibraries counts the direct dependencies.
func TestFewLibraries(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moduleRoot, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for line := range strings.Lines(string(text)) {
		if regexp.MustCompile(`^\s+\S+\.\S+/\S+ v`).MatchString(line) && !strings.Contains(line, "// indirect") {
			direct++
		}
	}
	if direct > maxDirect {
		t.Errorf("%d direct dependencies, more than %d", direct, maxDirect)
	}
}
