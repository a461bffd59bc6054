package access_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// fault is an edit of decide.go: the text of [from, to) becomes text.
type fault struct {
	from, to token.Pos
	text     string
}

// TestPlantedFaults plants faults in the decision, one at a time, and runs this
// package's tests on each: conditions turned, forced and left out, statements
// and cases left out, a kind taken from and added to each list, a reason
// replaced by another. 95 of 100 must be found.
func TestPlantedFaults(t *testing.T) {
	if os.Getenv("DOSEBOOK_TEST_LONG") == "" {
		t.Skip("runs for many minutes: set DOSEBOOK_TEST_LONG=1")
	}
	src, err := os.ReadFile("decide.go")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, "decide.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := func(n ast.Node) string { return string(src[n.Pos()-tree.FileStart : n.End()-tree.FileStart]) }
	faults := plan(tree, text)

	var (
		mu             sync.Mutex
		found, planted int
		work           sync.WaitGroup
		queue          = make(chan fault)
	)
	for range runtime.NumCPU() {
		dir := t.TempDir()
		work.Go(func() {
			for f := range queue {
				changed := string(src[:f.from-tree.FileStart]) + f.text + string(src[f.to-tree.FileStart:])
				out, err := runWith(dir, changed)
				mu.Lock()
				switch {
				case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
				case err != nil:
					found, planted = found+1, planted+1
				default:
					planted++
					t.Logf("not found: %s: %q for %q", files.Position(f.from), f.text, src[f.from-tree.FileStart:f.to-tree.FileStart])
				}
				mu.Unlock()
			}
		})
	}
	for _, f := range faults {
		queue <- f
	}
	close(queue)
	work.Wait()
	t.Logf("%d of %d planted faults found; %d more do not compile", found, planted, len(faults)-planted)
	if planted < 250 || found*100 < planted*95 {
		t.Errorf("%d of %d planted faults found, want 95 of 100 of at least 250", found, planted)
	}
}

// runWith runs the package's tests with decide.go as given.
func runWith(dir, decide string) (string, error) {
	here, err := filepath.Abs("decide.go")
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(dir, "decide.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {here: changed}})
	if err != nil {
		return "", err
	}
	for name, text := range map[string][]byte{changed: []byte(decide), overlay: list} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("go", "test", "-count=1", "-failfast", "-timeout=2m", "-overlay", overlay, ".")
	cmd.Env = append(os.Environ(), "DOSEBOOK_TEST_LONG=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// plan lists the faults of a file. Texts for people and doc comments are none
// of the decision.
func plan(tree *ast.File, text func(ast.Node) string) []fault {
	var faults []fault
	add := func(n ast.Node, s string) { faults = append(faults, fault{n.Pos(), n.End(), s}) }
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "refusal" {
				return false // words
			}
		case *ast.IfStmt:
			add(n.Cond, "true || "+paren(text(n.Cond)))
			add(n.Cond, "false && "+paren(text(n.Cond)))
		case *ast.BinaryExpr:
			for _, op := range others[n.Op] {
				faults = append(faults, fault{n.OpPos, n.OpPos + token.Pos(len(n.Op.String())), op})
			}
			if n.Op == token.LAND || n.Op == token.LOR {
				add(n, text(n.X))
				add(n, text(n.Y))
			}
		case *ast.UnaryExpr:
			if n.Op == token.NOT || n.Op == token.SUB {
				add(n, text(n.X))
			}
		case *ast.BlockStmt:
			for _, s := range n.List {
				add(s, "")
			}
		case *ast.CaseClause:
			for _, e := range n.List {
				if len(n.List) > 1 {
					continue
				}
				if _, plain := e.(*ast.BinaryExpr); plain {
					add(e, "true || "+paren(text(e)))
					add(e, "false && "+paren(text(e)))
				}
			}
			add(n, "")
		case *ast.CompositeLit:
			faults = append(faults, planList(n, text)...)
		case *ast.ReturnStmt:
			faults = append(faults, planReasons(n, text)...)
		}
		return true
	})
	return faults
}

var others = map[token.Token][]string{
	token.LAND: {"||"}, token.LOR: {"&&"}, token.EQL: {"!="}, token.NEQ: {"=="},
	token.LSS: {"<=", ">="}, token.GTR: {">=", "<="}, token.LEQ: {"<", ">"}, token.GEQ: {">", "<"},
}

// planList takes each element from a list, and adds each kind to a list of
// kinds that it is not in.
func planList(n *ast.CompositeLit, text func(ast.Node) string) []fault {
	var faults []fault
	has := map[string]bool{}
	for i, e := range n.Elts {
		has[text(e)] = true
		from, to := e.Pos(), e.End()
		if i+1 < len(n.Elts) {
			to = n.Elts[i+1].Pos()
		} else if i > 0 {
			from = n.Elts[i-1].End()
		}
		faults = append(faults, fault{from, to, ""})
	}
	if len(n.Elts) == 0 || !(has["Releases"] || has["Matching"] || has["PlaceFiles"] || has["Grants"]) {
		return faults
	}
	for _, kind := range []string{"Releases", "PlaceFiles", "StateFiles", "Records", "Matching", "AuditLog", "Grants"} {
		if !has[kind] {
			faults = append(faults, fault{n.Rbrace, n.Rbrace, ", " + kind})
		}
	}
	return faults
}

// planReasons replaces a reason that is returned by others, first of all by
// allowed.
func planReasons(n *ast.ReturnStmt, text func(ast.Node) string) []fault {
	var faults []fault
	for _, e := range n.Results {
		name, ok := e.(*ast.Ident)
		if !ok || !reasons[name.Name] {
			continue
		}
		for _, other := range []string{"allowed", "unknown", "wrongPlace"} {
			if other != text(e) {
				faults = append(faults, fault{e.Pos(), e.End(), other})
			}
		}
	}
	return faults
}

var reasons = map[string]bool{"nobody": true, "unknown": true, "ended": true, "clockBack": true, "wrongRole": true,
	"wrongPlace": true, "stateLevel": true, "lowLevel": true, "narrowToken": true, "narrowGroup": true, "allowed": true}

func paren(s string) string { return fmt.Sprintf("(%s)", s) }
