package report_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"trailgate/report"
)

// otherMeanings reports whether a word is not the name of a format in this file. The log
// has a format of its own, and the metrics have a label "table".
func otherMeanings(path, word string) bool {
	switch filepath.Base(path) {
	case "export_log.go", "log.go":
		return word == report.JSON
	case "export_metrics.go", "metrics.go":
		return word == report.Table
	}
	return false
}

// The name of a format is a literal in one file. If another file spelled it too, a
// new format would have to be added there as well.
func TestFormatNamesAreSpelledOnce(t *testing.T) {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	files := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, word := range literals(t, path) {
			if slices.Contains(names, word) && !otherMeanings(path, word) && !slices.Contains(files[word], path) {
				files[word] = append(files[word], path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if len(files[name]) != 1 {
			t.Errorf("%q is a literal in %v", name, files[name])
		}
	}
}

// literals returns the string literals of a file, but not its struct tags and the
// keys by which tags are read.
func literals(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			n.Tag = nil
		case *ast.ImportSpec:
			return false
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Get" {
				if tag, ok := f.X.(*ast.SelectorExpr); ok && tag.Sel.Name == "Tag" {
					return false
				}
			}
		case *ast.BasicLit:
			if word, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				all = append(all, word)
			}
		}
		return true
	})
	return all
}
