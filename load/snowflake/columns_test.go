package snowflake

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	sqltext "github.com/dosebook/dosebook/sql"
)

// thereAlone are the tables that DuckDB's store has not got, and why.
var thereAlone = map[string]string{
	"segment_row":     "the wide rows: DuckDB reads the lake",
	"segment_reject":  "the refused records: DuckDB reads the lake",
	"segment_payload": "what the ledger says: it lies beside DuckDB",
	"load_run":        "what a load brought: in DuckDB the ledger's runs say it",
	"load_lease":      "DuckDB's store is under the lease of the data directory",
}

var (
	createdTable = regexp.MustCompile(`(?is)^create table (?:if not exists )?(\w+) \((.*)\);?$`)
	addedColumn  = regexp.MustCompile(`(?is)^alter table (\w+) add column (?:if not exists )?(.*?);?$`)
	droppedTable = regexp.MustCompile(`(?is)^drop table (?:if exists )?(\w+);?$`)
)

// tables are the columns of each table that migrations leave behind, in order,
// with types and what else is said of them.
func tables(t *testing.T, statements []string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, s := range statements {
		s = comment.ReplaceAllString(s, "")
		if m := createdTable.FindStringSubmatch(s); m != nil {
			for _, c := range strings.Split(m[2], ",") {
				out[m[1]] = append(out[m[1]], strings.Join(strings.Fields(c), " "))
			}
		} else if m := addedColumn.FindStringSubmatch(s); m != nil {
			out[m[1]] = append(out[m[1]], m[2])
		} else if m := droppedTable.FindStringSubmatch(s); m != nil {
			delete(out, m[1])
		} else if !strings.HasPrefix(s, "insert into ") {
			t.Fatalf("%s: neither makes, widens, drops nor fills a table", s)
		}
	}
	return out
}

func migrated(t *testing.T, database string) map[string][]string {
	t.Helper()
	names, err := sqltext.Migrations(database)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		statements, err := sqltext.Statements(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, statements...)
	}
	return tables(t, all)
}

// TestColumns: after all migrations both stores have the same tables, with the
// same columns, types and order, but for those that one alone needs.
func TestColumns(t *testing.T) {
	duck, snow := migrated(t, "duckdb"), migrated(t, "snowflake")
	if len(duck) < 15 {
		t.Errorf("%d tables in DuckDB: the migrations were not read", len(duck))
	}
	for table, cols := range duck {
		if !slices.Equal(cols, snow[table]) {
			t.Errorf("%s\nDuckDB    %q\nSnowflake %q", table, cols, snow[table])
		}
	}
	for table := range snow {
		if _, both := duck[table]; both == (thereAlone[table] != "") {
			t.Errorf("%s: in both %v, and thereAlone says %q", table, both, thereAlone[table])
		}
	}
	for table := range thereAlone {
		if snow[table] == nil {
			t.Errorf("there is no %s: take it off thereAlone", table)
		}
	}
	got := tables(t, []string{"create table a (x bigint not null, -- a, b\n  y date);", "create table b (z integer);", "alter table a add column w integer default 0;", "drop table b;"})
	if want := map[string][]string{"a": {"x bigint not null", "y date", "w integer default 0"}}; !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
}
