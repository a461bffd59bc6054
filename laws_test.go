// Package dosebook_test holds the laws of the code: which folder may import
// which, how long a file may get, where SQL stands. It reads the source files
// themselves, never the output of a tool, and never the machine's environment.
package dosebook_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/dosebook/dosebook/"

// layer is one line of the import law (DESIGN §3; docs/ARCHITECTURE.md shows
// the same table). folder "x/*" stands for the folders below x that have no
// line of their own.
type layer struct{ folder, duty, may string }

var layers = []layer{
	{"dose", "vocabulary: columns, codes, checks, kinds of error", ""},
	{"durable", "files and folders that appear whole or not at all", ""},
	{"sql", "every SQL text, embedded, and the migrator", ""},
	{"control", "control.db: opening and migrating it", "sql"},
	{"extract", "what a decoder is; unpacking, recognising a format", "dose"},
	{"extract/*", "one source or one format each", "extract dose durable snowconn"},
	{"extract/fhirbulk/bulktest", "a Bulk Data server with faults by switch, for tests and the demo", ""},
	{"transform", "raw rows to events: dates, codes, counties, checks", "dose"},
	{"synth", "synthetic registries with known truth", "dose"},
	{"load", "the lake and what a warehouse is", "dose sql durable"},
	{"load/*", "one warehouse each, and the suite they share", "load sql dose durable snowconn"},
	{"snowconn", "signing in to Snowflake, its errors, its results", "dose snowconn/nofolder"},
	{"snowconn/nofolder", "the driver makes no folder at the start of a program", ""},
	{"pipelines", "payload to ledger: runs the line, holds the lease", "extract transform load dose control sql durable"},
	{"release", "warehouse to files: build, check, manifest, formats", "load sql dose durable release/suppress"},
	{"release/suppress", "tables of counts that can't be undone", "dose"},
	{"access", "who may see what, and the audit", "dose sql control"},
	{"dashboards", "pages and charts, embedded", ""},
	{"serve", "HTTP: releases to those who may see them", "release access dashboards dose durable"},
	{"pull", "the client: a verified copy of one place's files", "release sql dose durable"},
	{"report", "state reporting jobs", "release sql dose durable"},
	{"cmd/dosebook", "flags, configuration, wiring", "*"},
	{"bench", "benchmarks beside the peers", "*"},
}

// testsMay is what tests of any folder may import besides.
const testsMay = "dose durable sql control synth load/loadtest extract/extracttest"

// testsAlso is what tests of one folder may import besides: they run the line
// and the release over the true warehouse, which is what counts.
var testsAlso = map[string]string{"pipelines": "load/duckdb extract/cvrs", "release": "load/duckdb", "extract/fhirbulk": "extract/fhirbulk/bulktest"}

// thirdParty says where a module with a price may be imported: DuckDB needs
// cgo and 100 MB of library, the others open a database or parse flags.
// dose and durable are imported by everyone and stay light.
var thirdParty = []struct{ module, folders string }{
	{"github.com/duckdb/", "load/duckdb bench"},
	{"github.com/snowflakedb/", "snowconn load/snowflake bench"},
	{"modernc.org/sqlite", "control"},
	{"github.com/spf13/cobra", "cmd/dosebook"},
}

var lightFolders = map[string]string{"dose": "github.com/apache/arrow-go/", "durable": "", "sql": "", "dashboards": ""}

const (
	maxFile, maxTestFile = 400, 600
	maxFunc, maxTestFunc = 60, 100
	maxMethods           = 4
)

// exception lets one path break one law, and says why.
type exception struct{ law, path, reason string }

var exceptions = []exception{
	{"no-init-no-panic", "cmd/dosebook/main.go", "shows the stack of a caught panic again when DOSEBOOK_STACK asks for it"},
}

// law is one law: it lists what breaks it.
type law struct {
	name  string
	check func(*tree) []violation
}

var laws = []law{
	{"imports", importLaw},
	{"third-party", thirdPartyLaw},
	{"size", sizeLaw},
	{"package-doc", packageDocLaw},
	{"no-init-no-panic", callLaw},
	{"folder-names", folderNameLaw},
	{"sql-in-files", sqlLaw},
	{"migrations", migrationLaw},
	{"warehouse-columns", warehouseColumnLaw},
	{"dictionary", dictionaryLaw},
	{"architecture", architectureLaw},
	{"words", wordLaw},
}

// violation says where a law is broken and what to do.
type violation struct {
	path string
	line int
	what string
}

func (v violation) String() string { return fmt.Sprintf("%s:%d: %s", v.path, v.line, v.what) }

// goFile is one parsed file.
type goFile struct {
	path, dir  string
	test       bool
	generated  bool
	lines      int
	ast        *ast.File
	fset       *token.FileSet
	importPath map[string]int // path → line
}

// tree is the source tree that the laws are asked about.
type tree struct {
	fsys  fs.FS
	paths []string // all files
	files []goFile
}

func TestLaws(t *testing.T) {
	src, err := readTree(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	used := map[exception]bool{}
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) {
			for _, v := range l.check(src) {
				if e, ok := excepted(l.name, v.path); ok {
					used[e] = true
					continue
				}
				t.Error(v)
			}
		})
	}
	for _, e := range exceptions {
		if !used[e] {
			t.Errorf("the exception of %s from %s is not needed any more: remove it", e.path, e.law)
		}
	}
}

func excepted(name, path string) (exception, bool) {
	i := slices.IndexFunc(exceptions, func(e exception) bool { return e.law == name && e.path == path })
	if i < 0 {
		return exception{}, false
	}
	return exceptions[i], true
}

// skipped folders hold no source of ours.
var skipped = map[string]bool{".git": true, ".tools": true, "node_modules": true, "dosebook-data": true}

func readTree(fsys fs.FS) (*tree, error) {
	t := &tree{fsys: fsys}
	err := fs.WalkDir(fsys, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if skipped[e.Name()] {
				return fs.SkipDir
			}
			return nil
		}
		t.paths = append(t.paths, p)
		if path.Ext(p) != ".go" || strings.HasPrefix(p, ".") || strings.Contains("/"+p, "/testdata/") {
			return nil
		}
		f, err := readGo(fsys, p)
		t.files = append(t.files, f)
		return err
	})
	return t, err
}

func readGo(fsys fs.FS, p string) (goFile, error) {
	f := goFile{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), fset: token.NewFileSet(), importPath: map[string]int{}}
	src, err := fs.ReadFile(fsys, p)
	if err != nil {
		return f, err
	}
	if f.ast, err = parser.ParseFile(f.fset, p, src, parser.ParseComments); err != nil {
		return f, err
	}
	f.lines, f.generated = strings.Count(string(src), "\n"), ast.IsGenerated(f.ast)
	for _, im := range f.ast.Imports {
		f.importPath[strings.Trim(im.Path.Value, `"`)] = f.fset.Position(im.Pos()).Line
	}
	return f, nil
}

func (f *goFile) at(n ast.Node, what string, args ...any) violation {
	return violation{f.path, f.fset.Position(n.Pos()).Line, fmt.Sprintf(what, args...)}
}

func (t *tree) text(p string) string {
	b, _ := fs.ReadFile(t.fsys, p)
	return string(b)
}

// under lists the files below dir with the extension ext.
func (t *tree) under(dir, ext string) []string {
	var out []string
	for _, p := range t.paths {
		if strings.HasPrefix(p, dir+"/") && path.Ext(p) == ext {
			out = append(out, p)
		}
	}
	return out
}

func layerOf(dir string) (layer, bool) {
	for _, name := range []string{dir, path.Dir(dir) + "/*"} {
		if i := slices.IndexFunc(layers, func(l layer) bool { return l.folder == name }); i >= 0 {
			return layers[i], true
		}
	}
	return layer{}, false
}

// importLaw: each folder imports only what its line in layers names.
func importLaw(t *tree) (out []violation) {
	for _, f := range t.files {
		if f.dir == "." && f.test {
			continue // the laws themselves
		}
		l, ok := layerOf(f.dir)
		if !ok {
			out = append(out, f.at(f.ast.Name, "folder %s has no line in layers (laws_test.go): add one with its duty, or fold it into its parent", f.dir))
			continue
		}
		may := strings.Fields(l.may)
		if f.test {
			may = append(may, strings.Fields(testsMay+" "+testsAlso[f.dir])...)
		}
		for im, line := range f.importPath {
			own, ok := strings.CutPrefix(im, module)
			if !ok || l.may == "*" || slices.Contains(may, own) || (f.test && own == f.dir) {
				continue
			}
			out = append(out, violation{f.path, line, fmt.Sprintf("%s may not import %s, only: %s. Let the caller pass it in", f.dir, own, cmp.Or(l.may, "nothing of ours"))})
		}
	}
	return out
}

// thirdPartyLaw: modules with a price stay in their folder.
func thirdPartyLaw(t *tree) (out []violation) {
	for _, f := range t.files {
		for im, line := range f.importPath {
			for _, m := range thirdParty {
				if strings.HasPrefix(im, m.module) && !slices.Contains(strings.Fields(m.folders), f.dir) {
					out = append(out, violation{f.path, line, fmt.Sprintf("%s belongs in %s only", im, m.folders)})
				}
			}
			if im == "C" && f.dir != "load/duckdb" {
				out = append(out, violation{f.path, line, "cgo belongs in load/duckdb only"})
			}
			allowed, light := lightFolders[f.dir]
			foreign := strings.Contains(strings.Split(im, "/")[0], ".") && !strings.HasPrefix(im, module)
			if light && foreign && !f.test && (allowed == "" || !strings.HasPrefix(im, allowed)) {
				out = append(out, violation{f.path, line, fmt.Sprintf("%s is imported by everyone and stays light: no %s", f.dir, im)})
			}
		}
	}
	return out
}

// sizeLaw: files, functions and interfaces stay readable (DESIGN §3).
func sizeLaw(t *tree) (out []violation) {
	for _, f := range t.files {
		if f.generated {
			continue
		}
		fileMax, funcMax := maxFile, maxFunc
		if f.test {
			fileMax, funcMax = maxTestFile, maxTestFunc
		}
		if f.lines > fileMax {
			out = append(out, violation{f.path, f.lines, fmt.Sprintf("the file has %d lines, at most %d: split it by subject", f.lines, fileMax)})
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := f.fset.Position(n.End()).Line - f.fset.Position(n.Pos()).Line + 1; lines > funcMax {
					out = append(out, f.at(n, "func %s has %d lines, at most %d: give its parts names", n.Name.Name, lines, funcMax))
				}
			case *ast.InterfaceType:
				if n.Methods.NumFields() > maxMethods {
					out = append(out, f.at(n, "the interface has %d methods, at most %d: split it by caller", n.Methods.NumFields(), maxMethods))
				}
			}
			return true
		})
	}
	return out
}

// packageDocLaw: each package says what it promises.
func packageDocLaw(t *tree) (out []violation) {
	first, documented := map[string]*goFile{}, map[string]bool{}
	for i, f := range t.files {
		if f.test {
			continue
		}
		if first[f.dir] == nil {
			first[f.dir] = &t.files[i]
		}
		documented[f.dir] = documented[f.dir] || f.ast.Doc != nil
	}
	for dir, f := range first {
		if !documented[dir] {
			out = append(out, f.at(f.ast.Name, "package %s has no doc comment: say what it promises and what it never does", f.ast.Name.Name))
		}
	}
	return out
}

// callLaw: no init, no panic, and only main ends the process.
func callLaw(t *tree) (out []violation) {
	for _, f := range t.files {
		if f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					out = append(out, f.at(n, "init(): wire it where a reader can see it, in cmd/dosebook"))
				}
			case *ast.CallExpr:
				switch name := callee(n); {
				// net/http defines this one value for cutting a response short.
				case name == "panic" && argument(n) != "http.ErrAbortHandler":
					out = append(out, f.at(n, "panic: return an error"))
				case (name == "os.Exit" || strings.HasPrefix(name, "log.Fatal")) && f.ast.Name.Name != "main":
					out = append(out, f.at(n, "%s: return an error, main ends the process", name))
				}
			}
			return true
		})
	}
	return out
}

func callee(c *ast.CallExpr) string { return dotted(c.Fun) }

func argument(c *ast.CallExpr) string {
	if len(c.Args) != 1 {
		return ""
	}
	return dotted(c.Args[0])
}

// dotted returns x or x.y as written, and nothing for other expressions.
func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

var vagueFolder = regexp.MustCompile(`^(utils?|common|helpers?|misc|models?|base|shared|lib)$`)

// folderNameLaw: folders of Go files are words of the domain.
func folderNameLaw(t *tree) (out []violation) {
	seen := map[string]bool{}
	for _, f := range t.files {
		if vagueFolder.MatchString(path.Base(f.dir)) && !seen[f.dir] {
			out = append(out, violation{f.path, 1, fmt.Sprintf("folder %s says nothing: name it after what it is about", f.dir)})
		}
		seen[f.dir] = true
	}
	return out
}
