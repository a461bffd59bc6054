package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/pipelines"
)

func TestSQLFormats(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.exits(t, 4, "sql", "select 1") // no data at all
	d.load(t, "--registry", "CAIR2", write(t, "20210401_01_CAA.txt", cvrsText(
		row("q-1", fields{"lot_number": `6" x, y`, "vax_expiration": "2021-09-30"}), row("q-2", fields{"lot_number": "", "recip_id": "R-q-1", "admin_date": "2021-04-01"}))))
	d.exits(t, 4, "sql", "select 1") // no release yet
	d.ok(t, "release", "build")
	const query = "select vax_event_id, lot_number, admin_date, cvx, recip_age, fully, reported_at from (select *, dose_ordinal = 2 as fully from dose) order by 1"
	out := d.ok(t, "sql", "--format", "csv", query)
	rows := rowsOf(t, out)
	want := [][]string{{"vax_event_id", "lot_number", "admin_date", "cvx", "recip_age", "fully", "reported_at"},
		{"q-1", `6" x, y`, "2021-03-05", "208", "41", "false", "2021-04-01T00:00:01Z"}, {"q-2", "", "2021-04-01", "208", "41", "true", "2021-04-01T00:00:01Z"}}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("csv: %q, want %q", rows, want)
	}
	if strings.Count(out, "\r\n") != 3 || !strings.Contains(out, `"6"" x, y"`) || !strings.Contains(out, "q-2,,2021") {
		t.Errorf("not RFC 4180 with empty nulls: %q", out)
	}
	var objects []map[string]any
	if err := json.Unmarshal([]byte(d.ok(t, "sql", "--json", query)), &objects); err != nil || len(objects) != 2 {
		t.Fatalf("json: %d objects, %v", len(objects), err)
	}
	if o := objects[1]; o["lot_number"] != nil || o["cvx"] != 208.0 || o["fully"] != true || o["admin_date"] != "2021-04-01" {
		t.Errorf("json: %v", o)
	}
	if got := d.count(t, "select (select sum(events) from quality_day) || ' ' || (select count(*) from quality_finding) || ' ' || (select count(*) >= 0 from quality_given) || (select count(*) >= 0 from quality_county)"); got != "2 0 truetrue" {
		t.Errorf("quality: %s", got)
	}
	if got := d.ok(t, "sql", "--format", "json", "from dose where false"); got != "[]\n" {
		t.Errorf("no rows as json: %q", got)
	}
	file := d.ok(t, "sql", "--format", "parquet", query+";")
	p, err := parquet.OpenFile(bytes.NewReader([]byte(file)), int64(len(file)))
	if err != nil || p.NumRows() != 2 || len(p.Schema().Columns()) != 7 {
		t.Errorf("parquet: %v", err)
	}
	if got := d.ok(t, "sql", query); !strings.Contains(got, "(2 rows)") {
		t.Errorf("table: %q", got)
	}
	d.exits(t, 2, "sql", "--format", "xml", query)
	d.exits(t, 4, "sql", "--release", "000009-00000000", query)
	d.exits(t, 4, "sql", "--release", "../..", query)
}

// sql reads one release and nothing else, and can change nothing.
func TestSQLOnlyReads(t *testing.T) {
	t.Parallel()
	w, said := shared(t)
	d := copyOf(t, w)
	root := filepath.Join(string(d), "releases", said.Release)
	outside := filepath.Join(t.TempDir(), "outside")
	was, before := d.hashes(t, "releases"), folders(t, root)
	for _, query := range []string{
		"copy (select 1) to '" + outside + "'", "copy (select 1) to '" + root + "/county_day.parquet' (format parquet)", "copy (select 1) to '" + root + "/new.csv'",
		"select 1; copy (select 1) to '" + root + "/new.csv'", "select 1) to '" + root + "/new.csv'; copy (select 2", "select 1) to '" + root + "/new.csv' --",
		"export database '" + root + "/new'", "explain analyze copy (select 1) to '" + root + "/new.csv'",
		"attach '" + outside + "' as x", "attach '" + root + "/new.db' as x", "attach '" + string(d) + "/control.db' as x (type sqlite)",
		"create table x as select 1", "create or replace view dose as select 1", "drop view dose", "insert into county_day select * from county_day", "delete from dose", "update dose set cvx = 1",
		"select * from read_text('/etc/passwd')", "select * from read_csv('/etc/passwd')", "from '/etc/passwd'", "select * from glob('/*')",
		"select * from read_text('" + root + "/../../lease')", "select * from read_blob('" + string(d) + "/control.db')", "select * from read_blob('" + string(d) + "/warehouse.duckdb')",
		"set enable_external_access = true", "set memory_limit = '9GB'", "reset lock_configuration", "install httpfs", "load httpfs", "select * from read_csv('https://example.org/x.csv')",
		"pragma enable_profiling", "call pragma_version()", "select * from query('copy (select 1) to ''" + root + "/new.csv''')", "this is no query",
	} {
		for _, format := range []string{"csv", "parquet"} {
			if r := d.try(t, "sql", "--format", format, query); r.code != 2 || r.out != "" || r.err == "" {
				t.Errorf("%s as %s: exit %d, %.100q", query, format, r.code, r.out)
			}
			if testing.Short() {
				break
			}
		}
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a file was written outside the release")
	}
	sameFiles(t, "after all attempts", d.hashes(t, "releases"), was)
	for _, query := range []string{"with a as (select 1 as x) from a", "from dose limit 1", "values (1)", "describe dose", "summarize county_day", "show tables", "select 1 -- end", "select 1;\n"} {
		d.ok(t, "sql", query)
	}
	if after := folders(t, root); after != before { // an export makes its folder first
		t.Errorf("the release's folder holds %d entries, %d before", after, before)
	}
}

// folders counts the entries of a folder.
func folders(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A query waits for no writer, and no writer for a query.
func TestSQLBesideWriter(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	lease, err := pipelines.Acquire(string(d), "ingest", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if n := d.count(t, "select count(*) from dose"); !regexp.MustCompile(`^[1-9]\d+$`).MatchString(n) {
		t.Errorf("%s doses", n)
	}
	d.ok(t, "verify")
	d.ok(t, "access", "list")
	for _, args := range [][]string{{"release", "build"}, {"warehouse", "status"}, {"warehouse", "rebuild"}, {"verify", "--deep"}, {"ingest", "--registry", "CAIR2", os.DevNull}} {
		if r := d.exits(t, 5, args...); !strings.Contains(r.err, "'dosebook ingest' (process ") {
			t.Errorf("%v: %s", args, r.err)
		}
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	d.sound(t)
}
