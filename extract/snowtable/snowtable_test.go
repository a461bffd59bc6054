//go:build !nosnowflake

package snowtable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

func getenv(name string) string { return map[string]string{"PASSWORD": "sesame"}[name] }

var noon = time.Date(2022, 11, 2, 12, 0, 0, 0, time.UTC)

func source(t testing.TB, c Config) *Source {
	t.Helper()
	s, err := New(c, Options{Now: func() time.Time { return noon }, Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fetch(t testing.TB, c Config, dir, mark string) extract.Fetched {
	t.Helper()
	f, err := source(t, c).Fetch(t.Context(), dir, mark)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// quiet fetches and wants nothing new, and the mark as it was.
func quiet(t testing.TB, c Config, dir, mark string) {
	t.Helper()
	if f := fetch(t, c, dir, mark); len(f.Payloads) > 0 || f.Mark != mark || !strings.HasPrefix(f.Note, "nothing new") {
		t.Fatalf("%+v: want nothing new", f)
	}
}

// fails fetches, wants an error of kind that says words, and nothing left.
func fails(t testing.TB, c Config, mark string, kind error, words ...string) {
	t.Helper()
	dir := t.TempDir()
	f, err := source(t, c).Fetch(t.Context(), dir, mark)
	if !errors.Is(err, kind) || len(f.Payloads) > 0 || f.Mark != "" {
		t.Fatalf("%+v, %v: want %v", f, err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	for _, never := range []string{"sesame", "Maria", "SELECT", "C0"} {
		if strings.Contains(err.Error(), never) {
			t.Errorf("%q holds %q", err, never)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// table reads a payload as a table: each row by column.
func table(t testing.TB, f extract.Fetched) []map[string]string {
	t.Helper()
	if len(f.Payloads) != 1 {
		t.Fatalf("%+v: want one payload", f)
	}
	text, err := os.ReadFile(f.Payloads[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	header := strings.Split(lines[0], "\t")
	for i, c := range dose.Raw()[:dose.CVRSColumns] {
		if header[i] != c.Name {
			t.Fatalf("column %d is %s, want %s", i+1, header[i], c.Name)
		}
	}
	var out []map[string]string
	for _, l := range lines[1:] {
		row := map[string]string{}
		cells := strings.Split(l, "\t")
		if len(cells) != len(header) {
			t.Fatalf("%q has %d cells, want %d", l, len(cells), len(header))
		}
		for i, c := range cells {
			row[header[i]] = c
		}
		out = append(out, row)
	}
	return out
}

func ids(t testing.TB, f extract.Fetched) string {
	t.Helper()
	var out []string
	for _, r := range table(t, f) {
		out = append(out, r["vax_event_id"])
	}
	return strings.Join(out, " ")
}

func TestSnapshot(t *testing.T) {
	db, c := database(t)
	run(t, db, `CREATE TABLE VW_ALL_IIS_LHJ (VAX_EVENT_ID VARCHAR, RECIP_ID VARCHAR, RECIP_LAST_NAME VARCHAR, RECIP_DOB DATE, ADMIN_DATE TIMESTAMP_NTZ,
		CVX NUMBER(3,0), RECIP_COUNTY_LABEL VARCHAR, LOT_NUMBER VARCHAR, "Odd Name" VARCHAR, LOCKED VARCHAR, ENTRY_TIME TIMESTAMP_NTZ)`,
		`INSERT INTO VW_ALL_IIS_LHJ VALUES
		('E2','R2','Zoë "Q" O''Neil','1899-12-31','2021-03-02 10:11:12',208,'Yolo','L	1
2','x','Y','2022-01-01 10:00:00.123456'), ('E1','R1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)`)
	c.Snapshot, c.Columns = true, map[string]string{"locked": "protection"}
	dir := t.TempDir()
	f := fetch(t, c, dir, "")
	rows := table(t, f)
	for i, want := range []map[string]string{
		{"vax_event_id": "E1", "recip_id": "R1"}, // a time that is not there is no 1970-01-01
		{"vax_event_id": "E2", "recip_id": "R2", "recip_last_name": `Zoë "Q" O'Neil`, "recip_dob": "1899-12-31", "admin_date": "2021-03-02",
			"cvx": "208", "lot_number": "L 1 2", "protection": "Y", "entry_time": "2022-01-01 10:00:00.123456"},
	} {
		for name, got := range rows[i] {
			if got != want[name] {
				t.Errorf("row %d, %s: %q, want %q", i, name, got, want[name])
			}
		}
	}
	if f.Note != "2 rows; tabs and line ends became spaces in 1 cells; columns left out: Odd Name" {
		t.Errorf("note %q", f.Note)
	}
	if p := f.Payloads[0]; p.Name != "VW_ALL_IIS_LHJ.txt" || !p.SourceTime.Equal(noon) || filepath.Dir(p.Path) != dir {
		t.Errorf("%+v", p)
	}
	s := source(t, c)
	for range 2 { // it may be called again
		if err := s.Done(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	quiet(t, c, dir, f.Mark)
	run(t, db, `UPDATE VW_ALL_IIS_LHJ SET CVX = 300 WHERE VAX_EVENT_ID = 'E1'`)
	if g := fetch(t, c, dir, f.Mark); table(t, g)[0]["cvx"] != "300" || g.Mark == f.Mark {
		t.Errorf("%+v", g)
	}
	other := c
	other.Columns = map[string]string{"locked": "-"}
	if g := fetch(t, other, t.TempDir(), f.Mark); table(t, g)[1]["protection"] != "" {
		t.Errorf("another question: %+v", g)
	}
	run(t, db, `DELETE FROM VW_ALL_IIS_LHJ`)
	fails(t, c, f.Mark, dose.ErrDenied, "had 2 rows and now shows none")
	if g := fetch(t, c, dir, ""); len(g.Payloads) > 0 {
		t.Errorf("an empty table: %+v", g)
	}
}

// TestSameRowsSameBytes: the order in which a server keeps rows is nobody's.
func TestSameRowsSameBytes(t *testing.T) {
	db, c := database(t)
	c.Snapshot = true
	var marks []string
	for _, order := range []string{"ASC", "DESC"} {
		run(t, db, "CREATE OR REPLACE TABLE VW_ALL_IIS_LHJ AS SELECT 'E' || MOD(SEQ, 7) AS VAX_EVENT_ID, '2021-03-02' AS ADMIN_DATE, '208' AS CVX, SEQ AS LOT_NUMBER "+
			"FROM (SELECT COLUMN1 AS SEQ FROM VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12)) ORDER BY SEQ "+order)
		marks = append(marks, fetch(t, c, t.TempDir(), "").Mark)
	}
	if marks[0] != marks[1] {
		t.Error(marks)
	}
}

func TestWatermark(t *testing.T) {
	for kind, at := range map[string][4]string{ // three moments, and one between the first and the second
		"TIMESTAMP_NTZ": {"2022-01-01 10:00:00", "2022-01-01 11:00:00.000001", "2022-01-01 11:00:00.000002", "2022-01-01 10:59:59"},
		"TIMESTAMP_TZ":  {"2022-01-01 10:00:00+00:00", "2022-01-01 11:00:00.000001+00:00", "2022-01-01 11:00:00.000002+00:00", "2022-01-01 02:59:59-08:00"},
		"DATE":          {"2022-01-01", "2022-01-09", "2022-01-10", "2022-01-09"},
		"NUMBER(18,0)":  {"9", "10", "11", "10"},
		"VARCHAR":       {"20220101", "20220109", "20220110", "20220105"},
	} {
		t.Run(kind, func(t *testing.T) {
			db, c := database(t)
			run(t, db, "CREATE TABLE VW_ALL_IIS_LHJ (VAX_EVENT_ID VARCHAR, ADMIN_DATE DATE, UPDATED "+kind+")")
			add := func(id, when string) {
				t.Helper()
				run(t, db, fmt.Sprintf("INSERT INTO VW_ALL_IIS_LHJ SELECT '%s', '2021-03-02', %s", id, when))
			}
			lit := func(i int) string { return "CAST('" + at[i] + "' AS " + kind + ")" }
			c.Watermark.Column, c.Table = "updated", "CORE.VW_ALL_IIS_LHJ"
			dir := t.TempDir()
			if f := fetch(t, c, dir, ""); len(f.Payloads) > 0 || f.Mark != "" {
				t.Fatalf("an empty table: %+v", f)
			}
			add("E2", lit(1))
			add("E1", lit(0))
			f := fetch(t, c, dir, "")
			if got := ids(t, f); got != "E1 E2" {
				t.Fatal(got)
			}
			quiet(t, c, dir, f.Mark) // E2 alone comes again
			add("E0", lit(1))        // at the same instant, and later
			f = fetch(t, c, dir, f.Mark)
			if got := ids(t, f); got != "E0 E2" {
				t.Fatal(got)
			}
			quiet(t, c, dir, f.Mark)
			add("E3", lit(2))
			f = fetch(t, c, dir, f.Mark)
			if got := ids(t, f); got != "E0 E2 E3" {
				t.Fatal(got)
			}
			quiet(t, c, dir, f.Mark)
			add("EN", "NULL")
			f = fetch(t, c, dir, f.Mark)
			if got := ids(t, f); got != "EN E3" || !strings.Contains(f.Note, "1 rows without a watermark") {
				t.Fatal(got, f.Note)
			}
			quiet(t, c, dir, f.Mark)
			if source := table(t, f)[1]["source_time"]; (source != "") != strings.HasPrefix(kind, "TIMESTAMP") {
				t.Errorf("source_time %q", source)
			}
			if kind == "NUMBER(18,0)" || kind == "VARCHAR" {
				return
			}
			c.Watermark.Overlap = time.Hour
			late := fetch(t, c, dir, fetch(t, c, dir, "").Mark) // the overlap comes once more
			quiet(t, c, dir, late.Mark)
			add("E9", lit(3)) // committed after a later one was seen
			if got := ids(t, fetch(t, c, dir, late.Mark)); !strings.Contains(got, "E9") || strings.Contains(got, "E1") {
				t.Fatal(got)
			}
		})
	}
}

// TestMarkIsKept where only rows without a watermark are left, and given up
// when the question or the column's type is another.
func TestMarkIsKept(t *testing.T) {
	db, c := database(t)
	run(t, db, `CREATE TABLE VW_ALL_IIS_LHJ (VAX_EVENT_ID VARCHAR, ADMIN_DATE DATE, LOT VARCHAR, UPDATED DATE)`,
		`INSERT INTO VW_ALL_IIS_LHJ VALUES ('E1','2021-03-02','L','2022-01-01'),('E2','2021-03-02','L','2022-01-02')`)
	c.Watermark.Column = "UPDATED"
	one := fetch(t, c, t.TempDir(), "")
	other := c
	other.Columns = map[string]string{"LOT": "lot_number"}
	if got := ids(t, fetch(t, other, t.TempDir(), one.Mark)); got != "E1 E2" {
		t.Errorf("another question: %s", got)
	}
	run(t, db, `DELETE FROM VW_ALL_IIS_LHJ WHERE VAX_EVENT_ID = 'E2'`, `INSERT INTO VW_ALL_IIS_LHJ VALUES ('EN','2021-03-02','L',NULL)`)
	two := fetch(t, c, t.TempDir(), one.Mark)
	if got := ids(t, two); got != "EN" {
		t.Errorf("left: %s", got)
	}
	quiet(t, c, t.TempDir(), two.Mark) // E1 would come again without the old watermark
	cols := []column{{"VAX_EVENT_ID", "text", 0}, {"ADMIN_DATE", "date", 0}, {"UPDATED", "timestamp_ntz", 9}}
	if p, err := c.plan(cols, mark{Watermark: "2022-01-01", Type: "date"}); err != nil || len(p.args) > 0 {
		t.Errorf("another type: %+v, %v", p, err)
	}
}

// TestQuery: a query with a comment at its end, and no table at all.
func TestQuery(t *testing.T) {
	db, c := database(t)
	run(t, db, `CREATE TABLE D (ID VARCHAR, DAY DATE)`, `INSERT INTO D VALUES ('E1','2021-03-02'),('E2','2021-03-03')`)
	c.Table, c.Snapshot = "", true
	c.Query = "WITH X AS (SELECT * FROM D)\nSELECT ID AS VAX_EVENT_ID, DAY AS ADMIN_DATE, 'Y' AS PROTECTION FROM X WHERE ID = 'E2' -- only one"
	f := fetch(t, c, t.TempDir(), "")
	if rows := table(t, f); len(rows) != 1 || rows[0]["protection"] != "Y" || f.Payloads[0].Name != "query.txt" {
		t.Errorf("%v", rows)
	}
}

func TestMapping(t *testing.T) {
	cols := func(names ...string) (out []column) {
		for _, n := range names {
			out = append(out, column{name: n, kind: "text"})
		}
		return out
	}
	base := Config{Table: "T", Snapshot: true}
	for _, tt := range []struct {
		name  string
		cols  []column
		spoil func(*Config)
		words string
	}{
		{"recipients", cols("RECIP_ID", "DS1_ADMIN_DATE"), nil, "not of recipients"},
		{"no date", cols("VAX_EVENT_ID"), nil, "admin_date"},
		{"not there", cols("VAX_EVENT_ID", "ADMIN_DATE"), func(c *Config) { c.Columns = map[string]string{"X": "cvx"} }, "no X"},
		{"two for one", cols("VAX_EVENT_ID", "ADMIN_DATE", "CODE", "CVX"), func(c *Config) { c.Columns = map[string]string{"CODE": "cvx"} }, "CODE and CVX both go to cvx"},
		{"no watermark", cols("VAX_EVENT_ID", "ADMIN_DATE"), func(c *Config) { c.Watermark.Column = "U" }, "no column U"},
		{"float", append(cols("VAX_EVENT_ID", "ADMIN_DATE"), column{"U", "real", 0}), func(c *Config) { c.Watermark.Column = "U" }, "must be a time"},
		{"overlap", append(cols("VAX_EVENT_ID", "ADMIN_DATE"), column{"U", "fixed", 0}), func(c *Config) { c.Watermark = Watermark{"U", time.Hour} }, "overlap needs"},
	} {
		c := base
		if tt.spoil != nil {
			tt.spoil(&c)
		}
		if _, err := c.plan(tt.cols, mark{}); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	c := Config{Table: "T", Watermark: Watermark{Column: "U"}, Columns: map[string]string{"u": "-", "code": "cvx", "CVX": "-"}}
	p, err := c.plan(append(cols("VAX_EVENT_ID", "ADMIN_DATE", "CODE", "CVX", `WE"IRD`, "MIXED_COUNTY"), column{"U", "timestamp_ntz", 9}), mark{})
	if err != nil || slices.Contains(p.header, "source_time") || !slices.Equal(p.left, []string{`WE"IRD`}) || p.watermark != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}
