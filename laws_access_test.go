package dosebook_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var grantQuery = regexp.MustCompile(`(?i)\b(from|join|into|update)\s+access_(grant|token|agreement|attestation|request|user|session|identity|first)\b`)

var grantTable = regexp.MustCompile(`\baccess_(grant|token|agreement|attestation|request|user|session|identity|first)\b`)

// mayGrant are the files outside package access that make and show grants for
// people; none of them decides by one.
func mayGrant(p string) bool {
	ok, _ := path.Match("cmd/dosebook/access*.go", p)
	return ok || p == "cmd/dosebook/demo.go"
}

// grantLaw: one decision for every door (docs/ACCESS.md). Nobody but package
// access reads grants: not their tables, not a principal's list of them.
func grantLaw(t *tree) (out []violation) {
	for _, p := range t.under("sql", ".sql") {
		own := strings.HasPrefix(p, "sql/queries/access_") || strings.HasPrefix(p, "sql/migrations/control/")
		if name := grantTable.FindString(t.text(p)); name != "" && !own {
			out = append(out, violation{p, 1, name + " is read by package access alone: ask access.Decide"})
		}
	}
	for _, f := range t.files {
		if f.test || f.dir == "access" || mayGrant(f.path) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if name := grantQuery.FindString(n.Value); n.Kind == token.STRING && name != "" {
					out = append(out, f.at(n, "%s is read by package access alone: ask access.Decide", name))
				}
			case *ast.SelectorExpr:
				switch name := dotted(n); {
				case name == "access.Grant", name != "access.Grants" && n.Sel.Name == "Grants":
					out = append(out, f.at(n, "grants are read by package access alone: ask access.Decide"))
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Principal" {
					out = append(out, f.at(n, "a principal comes from Authenticate, with its token's scope"))
				}
			}
			return true
		})
	}
	return out
}

func TestLawOfGrants(t *testing.T) {
	src, err := readTree(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range grantLaw(src) {
		t.Error(v)
	}
}

// The law finds each way round it, and leaves what is allowed.
func TestLawOfGrantsFinds(t *testing.T) {
	for code, bad := range map[string]int{
		`func f(p access.Principal) int { return len(p.Grants) }`: 1,
		`var g access.Grant`:                                  1,
		`const q = "select places from access_grant"`:         1,
		`func f(s *access.Store) { s.Principal(nil, "ana") }`: 1,
		`func f(p access.Principal) { access.Decide(p, access.Manage, access.Resource{Kind: access.Grants}, now) }`: 0,
	} {
		for file, free := range map[string]bool{"serve/x.go": false, "access/x.go": true, "cmd/dosebook/access_x.go": true, "cmd/dosebook/x.go": false} {
			want := bad
			if free {
				want = 0
			}
			src, err := readTree(fstest.MapFS{file: {Data: []byte("package x\n" + code + "\n")}})
			if err != nil {
				t.Fatal(err)
			}
			if got := grantLaw(src); len(got) != want {
				t.Errorf("%s in %s: %v", code, file, fmt.Sprint(got))
			}
		}
	}
	src, err := readTree(fstest.MapFS{"sql/queries/county.sql": {Data: []byte("select * from access_grant")}, "sql/queries/access_x.sql": {Data: []byte("select * from access_grant")}})
	if got := grantLaw(src); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
}
