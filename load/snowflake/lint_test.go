package snowflake

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/load/loadtest"
	sqltext "github.com/dosebook/dosebook/sql"
)

// lintable is a statement that is sent to Snowflake, and where it stands.
type lintable struct{ from, text string }

// grammarLacks are statements that sqlfluff 4.5.0 can't parse though Snowflake
// documents them, and why they stand all the same.
var grammarLacks = map[string]string{
	"04_grants.9":                   "its list of privileges has no CREATE ALERT (Snowflake, access control privileges)",
	"14_reader_account.SAN_MATEO.1": "its grammar has no CREATE MANAGED ACCOUNT (Snowflake, SQL reference)",
}

// parse asks sqlfluff for each text what it can't parse; nothing for what it
// can. One process does all.
func parse(t *testing.T, texts []string) []string {
	t.Helper()
	python, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("DOSEBOOK_PYTHON_VENV"), "../../.tools/python"), "bin", "python"))
	if err == nil {
		err = exec.Command(python, "-c", "import sqlfluff").Run()
	}
	if err != nil {
		loadtest.Needed(t, fmt.Errorf("sqlfluff is not installed"))
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "../../testdata/python/parse_snowflake.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var faults []*string
	if err := json.Unmarshal(got, &faults); err != nil || len(faults) != len(texts) {
		t.Fatalf("%d answers to %d texts: %v", len(faults), len(texts), err)
	}
	out := make([]string, len(faults))
	for i, f := range faults {
		if f != nil {
			out[i] = *f
		}
	}
	return out
}

var leftBracket = regexp.MustCompile(`\{[a-z_]+\}`)

// sent fills what is open in a text as a load does, with names and values of
// the same kind: the grammar has no parameters.
func sent(text string) string {
	w := &work{d: &DB{}}
	text = w.fragments("{rows}", "('a', 1, 2)", "{counties}", "(6001, '06001', 'Alameda', 'California')", "{snapshots}", "'CAIR2'", "{registry}", "'CAIR2'", "{before}", "1", "{n}", "20").Replace(text)
	text = leftBracket.ReplaceAllStringFunc(text, func(s string) string { return "LAND_" + strings.ToUpper(s[1:len(s)-1]) })
	return strings.ReplaceAll(text, "?", "1")
}

// all are the statements that go to Snowflake: migrations, models, the texts of
// its dialect, the plan, unloads, and what stands in this package.
func all(t *testing.T) (out []lintable) {
	t.Helper()
	add := func(from, text string) { out = append(out, lintable{from, strings.TrimSuffix(text, ";")}) }
	names, err := sqltext.Migrations("snowflake")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "dialect/snowflake/snapshot_absent.sql", "dialect/snowflake/load_cost.sql", "dialect/snowflake/load_costs.sql") {
		statements, err := sqltext.Statements(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range statements {
			add(fmt.Sprintf("%s.%d", name, i+1), sent(translate(s)))
		}
	}
	more := []string{"02_aliases", "03_decisions", "06_reread", "08_closings", "19_effect", "25_forget_all", "90_check",
		"41_county_day", "45_release_person", "50_release_facts", "51_release_recipients", "55_release_renamed"}
	for _, m := range append(models(), more...) {
		found, err := steps(m)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range flat(found) {
			// The query of a work table stands in both; it is parsed once.
			if before, _, ok := strings.Cut(s.shape, " as select * from ("); ok && s.do != "" {
				s.shape = before + " as select * from (select 1 as one) limit 0"
			}
			for _, text := range []string{s.shape, s.do} {
				if text != "" {
					add(fmt.Sprintf("models/%s.%d", m, i+1), sent(text))
				}
			}
		}
	}
	plan, err := Plan(governed())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plan {
		add(s.Slot, s.Text)
	}
	unload, err := Unload(governed(), "06081", "/out/06081")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range unload {
		add(fmt.Sprintf("unload/place.%d", i+1), s)
	}
	return append(out, written(t)...)
}

var statementStart = regexp.MustCompile(`^(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|DROP|PUT|COPY INTO|BEGIN|COMMIT|ROLLBACK|USE ROLE|ALTER)\b`)

// written are the statements of one line in this package's own files; what is
// put together with values stands as a name.
func written(t *testing.T) (out []lintable) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, whole := joined(e)
			if !whole {
				return true
			}
			if statementStart.MatchString(text) && !strings.HasPrefix(text, "INSERT INTO X VALUES X") {
				out = append(out, lintable{fmt.Sprintf("%s:%d", name, set.Position(n.Pos()).Line), strings.ReplaceAll(text, "?", "1")})
			}
			return false
		})
	}
	return out
}

// joined is the text of a literal or a sum, with X for what is no literal; whole
// is false for expressions that are neither.
func joined(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, l := joined(e.X)
		right, r := joined(e.Y)
		if e.Op != token.ADD || !l && !r {
			return "", false
		}
		if !l {
			left = "X"
		}
		if !r {
			right = "X"
		}
		return left + right, true
	}
	return "", false
}

// TestGrammar: each statement that goes to Snowflake is one by sqlfluff's
// grammar of it. That proves spelling and grammar, not meaning.
func TestGrammar(t *testing.T) {
	statements := all(t)
	texts := make([]string, len(statements))
	for i, s := range statements {
		texts[i] = s.text
	}
	lacked := 0
	for i, fault := range parse(t, texts) {
		from := statements[i].from
		switch known := grammarLacks[from]; {
		case fault != "" && known == "":
			t.Errorf("%s: %s\n%.600s", from, fault, texts[i])
		case fault == "" && known != "":
			t.Errorf("%s parses now: take it off grammarLacks", from)
		case known != "":
			lacked++
		}
	}
	if len(statements) < 250 || lacked != len(grammarLacks) {
		t.Errorf("%d statements, %d of %d that the grammar lacks", len(statements), lacked, len(grammarLacks))
	}
	t.Logf("%d statements", len(statements))
}

// planted are 30 slips of the pen: what stands in the plan, and what stands
// there instead.
var planted = [...][3]string{
	{"00_ledger.2", "with managed access", "with manged access"},
	{"00_ledger.3", "hash varchar not null,", "hash varchar not null"},
	{"01_roles.1", "create role", "create rol"},
	{"01_roles.4", "to role", "too role"},
	{"01_roles.5", "to user", "at user"},
	{"02_schemas.3", "database role", "databse role"},
	{"03_account.1", "auto_suspend = 60", "auto_suspnd = 60"},
	{"03_account.3", "on 75 percent", "on 75 procent"},
	{"03_account.3", "do notify", "do notfy"},
	{"03_account.7", "resource_monitor", "resource_montor"},
	{"04_grants.1", "grant usage", "grant usge"},
	{"04_grants.1", "on warehouse", "in warehouse"},
	{"04_grants.12", "on future tables", "on futur tables"},
	{"04_grants.16", "select on", "selct on"},
	{"05_map.1", "if not exists", "if no exists"},
	{"06_row_policies.1", "returns boolean ->", "returns boolean"},
	{"06_row_policies.1", "as (home varchar", "as home varchar"},
	{"06_row_policies.2", "set body ->", "set bdy ->"},
	{"06_row_policies.2", "m.level >= 1 and", "m.level >= 1 an"},
	{"07_mask_policies.MASK_LIMITED_VARCHAR.1", "masking policy", "masking polcy"},
	{"07_mask_policies.MASK_LIMITED_VARCHAR.2", " end", ""},
	{"08_use.2", "replace task", "replace tsk"},
	{"08_use.2", "suspend_task_after_num_failures =", "suspend_task_after_failures"},
	{"08_use.3", "resume", "resum"},
	{"11_rows.1", "with row access policy", "with row acces policy"},
	{"11_rows.1", "secure view", "secur view"},
	{"12_publish.3", "qualify row_number()", "qualfy row_number()"},
	{"13_share.1", "create share", "create shar"},
	{"13_share.4", "to share", "to shre"},
	{"15_share_with.1", "set accounts =", "set acounts ="},
}

// TestGrammarFinds: the check finds each planted error. A lint that can't fail
// proves nothing.
func TestGrammarFinds(t *testing.T) {
	plan, err := Plan(governed())
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, s := range plan {
		texts[s.Slot] = s.Text
	}
	var spoiled []string
	for _, p := range planted {
		if !strings.Contains(texts[p[0]], p[1]) {
			t.Fatalf("%s has no %q", p[0], p[1])
		}
		spoiled = append(spoiled, strings.Replace(texts[p[0]], p[1], p[2], 1))
	}
	for i, fault := range parse(t, spoiled) {
		if fault == "" {
			t.Errorf("%s with %q passes", planted[i][0], planted[i][2])
		}
	}
}
