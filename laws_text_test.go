package dosebook_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

var sqlStart = regexp.MustCompile(`(?i)^\s*(select|insert\s+into|update\s+\w+\s+set|delete\s+from|create\s+(or\s+replace\s+)?(temp|table|view|index|macro)|with\s+\w+\s+as|merge\s+into|copy\s*\(|alter\s+table|drop\s+table)\s`)

// sqlLaw: SQL of more than one line stands in sql/, where it can be read and
// run by hand.
func sqlLaw(t *tree) (out []violation) {
	for _, f := range t.files {
		if f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := literal(e)
			if !ok {
				return true
			}
			spans := f.fset.Position(e.End()).Line > f.fset.Position(e.Pos()).Line
			if spans && sqlStart.MatchString(text) {
				out = append(out, f.at(e, "SQL of more than one line: put it into a file under sql/"))
			}
			return false
		})
	}
	return out
}

// literal returns the text of a string literal, or of the literals of a sum.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, _ := literal(e.Y)
		return left + right, ok && e.Op == token.ADD
	}
	return "", false
}

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// migrationLaw: migrations are numbered from 0001 without a gap, and the two
// warehouses have the same ones.
func migrationLaw(t *tree) (out []violation) {
	byFolder := map[string][]string{}
	for _, p := range t.under("sql/migrations", ".sql") {
		byFolder[path.Dir(p)] = append(byFolder[path.Dir(p)], path.Base(p))
	}
	for dir, names := range byFolder {
		slices.Sort(names)
		for i, name := range names {
			m := migrationName.FindStringSubmatch(name)
			if want := fmt.Sprintf("%04d", i+1); m == nil || m[1] != want {
				out = append(out, violation{dir + "/" + name, 1, "migration " + want + " should stand here: number them without gaps, as 0001_name.sql"})
				break
			}
		}
	}
	duck, snow := byFolder["sql/migrations/duckdb"], byFolder["sql/migrations/snowflake"]
	for _, pair := range []struct {
		have, want []string
		missing    string
	}{{duck, snow, "duckdb"}, {snow, duck, "snowflake"}} {
		for _, name := range pair.want {
			if len(pair.have) > 0 && !slices.Contains(pair.have, name) {
				out = append(out, violation{"sql/migrations/" + pair.missing + "/" + name, 1, "the other warehouse has this migration: add its twin"})
			}
		}
	}
	return out
}

// warehouseOnly are the columns of the warehouse's event tables that no
// column of dose_event stands behind. Everything else there must bear a name
// that package dose declares.
var warehouseOnly = map[string]string{
	"place":     "ledger sequence · 2³² + row: pointer and tie-break",
	"born":      "source_time of the key's oldest version",
	"recip":     "recip_key of the segment",
	"city":      "the city jurisdiction as a number",
	"countable": "completed and not refused",
	"content":   "content_key of the segment",

	"formula":    "vaccine_type as a number",
	"product":    "the maker as a number",
	"lot":        "lot_key of the segment",
	"org":        "org_key of the segment",
	"historical": "is_historical of the segment",
	"age_group":  "recip_age_group as a number",
	"race_eth":   "recip_race_eth as a number",
	"full_date":  "first day the primary series was complete",
}

var (
	createTable = regexp.MustCompile(`(?is)create table (?:if not exists )?(\w+)\s*\((.*?)\);`)
	sqlComment  = regexp.MustCompile(`--[^\n]*`)
	sqlColumn   = regexp.MustCompile(`(?im)^\s*(\w+)\s+(?:varchar|date|integer|bigint|boolean|timestamp|tinyint|smallint|u?hugeint|ubigint|double)`)
)

// warehouseColumnLaw: the warehouse's tables of events speak the vocabulary.
func warehouseColumnLaw(t *tree) (out []violation) {
	declared := dose.Index(dose.Event())
	for _, p := range t.under("sql/migrations/duckdb", ".sql") {
		text := sqlComment.ReplaceAllString(t.text(p), "")
		for _, table := range createTable.FindAllStringSubmatchIndex(text, -1) {
			name, body := text[table[2]:table[3]], text[table[4]:table[5]]
			if name != "event" && name != "derived" {
				continue
			}
			for _, col := range sqlColumn.FindAllStringSubmatchIndex(body, -1) {
				c := body[col[2]:col[3]]
				if _, ok := declared[c]; !ok && warehouseOnly[c] == "" {
					line := 1 + strings.Count(text[:table[4]+col[2]], "\n")
					out = append(out, violation{p, line, fmt.Sprintf("%s.%s is declared nowhere: declare it in dose/event.go, or say what it is in warehouseOnly (laws_text_test.go)", name, c)})
				}
			}
		}
	}
	return out
}

const dataPage = "docs/DATA.md"

// dictionaryLaw: the dictionary that users read is the declared one.
func dictionaryLaw(t *tree) []violation {
	got, want := strings.Split(t.text(dataPage), "\n"), strings.Split(dose.DataDictionary(), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return []violation{{dataPage, i + 1, "differs from the declarations in package dose: run go test ./dose -run DataDictionary -update"}}
		}
	}
	return nil
}

const architecturePage = "docs/ARCHITECTURE.md"

// architectureLaw: the page shows the table that the import law holds, and
// every decision under its own title.
func architectureLaw(t *tree) (out []violation) {
	text := t.text(architecturePage)
	if !strings.Contains(text, layerTable()) {
		out = append(out, violation{architecturePage, 1, "the table of layers is not that of laws_test.go; it should read:\n" + layerTable()})
	}
	for _, p := range t.paths {
		if path.Dir(p) != "docs/adr" {
			continue
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(t.text(p), "# "), "\n")
		if line := fmt.Sprintf("- [%s](adr/%s)", title, path.Base(p)); !strings.Contains(text, line+"\n") {
			out = append(out, violation{architecturePage, 1, "a decision is not listed: " + line})
		}
	}
	return out
}

// layerTable is the import law as Markdown.
func layerTable() string {
	var b strings.Builder
	b.WriteString("| folder | duty | may import |\n|---|---|---|\n")
	for _, l := range layers {
		may := "`" + strings.Join(strings.Fields(l.may), "` `") + "`"
		switch l.may {
		case "":
			may = "–"
		case "*":
			may = "everything"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", l.folder, l.duty, may)
	}
	return b.String()
}

// machineWords belong to one machine or one network and not in a repository.
// They are put together here so that this file does not hold them.
var machineWords = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])/(work|root|home|Users)/\w` + "|" + strings.Join([]string{
	`proxy\.golang` + `\.org`, `pypi` + `\.org`, `registry\.npmjs` + `\.org`, `static\.crates` + `\.io`, `repo1?\.maven`, `deb\.debian` + `\.org`,
}, "|"))

// tempPath in a document sends a reader to this machine's leftovers.
var tempPath = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])/tmp/\w`)

// wordLaw: no paths of one machine, no registry hosts.
func wordLaw(t *tree) (out []violation) {
	for _, p := range t.paths {
		if strings.Contains("/"+p, "/testdata/") || path.Base(p) == "go.sum" || !isText(p) {
			continue
		}
		line := 0
		for text := range strings.Lines(t.text(p)) {
			line++
			if w := machineWords.FindString(text); w != "" {
				out = append(out, violation{p, line, fmt.Sprintf("%q belongs to one machine: leave it out", strings.TrimSpace(w))})
			}
			if path.Ext(p) == ".md" && tempPath.MatchString(text) {
				out = append(out, violation{p, line, "a path under /tmp: say DIR, or use mktemp -d"})
			}
		}
	}
	return out
}

func isText(p string) bool {
	switch path.Ext(p) {
	case ".go", ".md", ".sql", ".yml", ".yaml", ".mod", ".sh", ".txt", ".tsv", ".json", ".html", ".css", ".js":
		return true
	case "":
		return path.Base(p) == "Makefile" || path.Base(p) == "Dockerfile" || path.Base(p) == "run"
	}
	return false
}
