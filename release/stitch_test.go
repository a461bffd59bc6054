package release_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	parquet "github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/release"
)

// columns: the file has these columns, in order, of the right type.
func columns(t *testing.T, f *parquet.File, want []dose.Column) {
	t.Helper()
	fields := f.Schema().Fields()
	if len(fields) != len(want) {
		t.Fatalf("%d columns, want %d", len(fields), len(want))
	}
	kinds := map[dose.Type]string{dose.Text: "STRING", dose.LongTxt: "STRING", dose.Date: "DATE", dose.Int: "INT(32,true)", dose.Big: "INT(64,true)",
		dose.Bool: "BOOLEAN", dose.Time: "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)"}
	for i, c := range want {
		if got := fields[i]; got.Name() != c.Name || got.Type().String() != kinds[c.Type] || !got.Optional() {
			t.Errorf("column %d is %s %s, want %s %s", i, got.Name(), got.Type(), c.Name, kinds[c.Type])
		}
	}
}

// TestDoseFiles: dose.parquet holds the primary rows of dose_event.parquet and
// nothing else, for two readers that were written apart.
func TestDoseFiles(t *testing.T) {
	b := mixed(t, 300)
	_, root := b.build(t, release.Options{Rows: 60})
	files := release.ViewFiles(root)
	for _, p := range []dose.Place{"berkeley", "long-beach", "pasadena"} { // not in the views
		files["dose"] = append(files["dose"], filepath.Join(root, "counties", string(p), "dose.parquet"))
	}
	r, err := duckdb.NewReader(t.Context(), "queries/release_views.sql", release.ViewFiles(root), []string{root}, 200)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	most := 0
	for i, path := range files["dose"] {
		if i%2 == 1 {
			continue
		}
		events, _ := read(t, filepath.Join(filepath.Dir(path), "dose_event.parquet"))
		doses, f := read(t, path)
		events = slices.DeleteFunc(events, func(r row) bool { return r["is_primary"] != "true" })
		if !slices.Equal(lines(doses), lines(events)) {
			t.Errorf("%s: %d doses, dose_event has %d", path, len(doses), len(events))
		}
		most = max(most, len(f.RowGroups()))
		if i%8 != 0 {
			continue
		}
		if got := byDuckDB(t, r, path); !slices.Equal(got, lines(doses)) {
			t.Fatalf("%s: DuckDB reads\n%v\nparquet-go\n%v", path, got, lines(doses))
		}
	}
	if most < 2 {
		t.Errorf("at most %d row groups in a file: the test shows nothing", most)
	}
}

// TestNoDoses: files without a single row are files all the same.
func TestNoDoses(t *testing.T) {
	b := small(t)
	_, root := b.build(t, release.Options{})
	r, err := duckdb.NewReader(t.Context(), "queries/release_views.sql", release.ViewFiles(root), []string{root}, 200)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, table := range []string{"dose", "dose_event", "recipient"} {
		path := filepath.Join(root, "counties", "06073", table+".parquet")
		rows, _ := read(t, path)
		if got := byDuckDB(t, r, path); len(rows) != 0 || len(got) != 0 {
			t.Errorf("%s: %d rows, DuckDB %d", table, len(rows), len(got))
		}
	}
}

// byDuckDB reads a file's rows as lines, written as parquet-go writes values.
func byDuckDB(t *testing.T, r *duckdb.Reader, path string) []string {
	t.Helper()
	rows, err := r.Query(t.Context(), fmt.Sprintf("select * replace (datediff('day', date '1970-01-01', admin_date) as admin_date, epoch_us(reported_at) as reported_at) "+
		"from (select * %s from read_parquet('%s'))", replaceIn(path), path))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []row
	for rows.Next() {
		values, at := make([]any, len(names)), make([]any, len(names))
		for i := range at {
			at[i] = &values[i]
		}
		if err := rows.Scan(at...); err != nil {
			t.Fatal(err)
		}
		cells := row{}
		for i, v := range values {
			if v != nil {
				cells[names[i]] = fmt.Sprint(v)
			}
		}
		out = append(out, cells)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines(out)
}

// replaceIn gives a recipient file the two columns that byDuckDB rewrites.
func replaceIn(path string) string {
	if filepath.Base(path) == "recipient.parquet" {
		return ", null::date as admin_date, null::timestamp as reported_at"
	}
	return ""
}

// TestManyPages: a row group of more than one page keeps every value in its row.
func TestManyPages(t *testing.T) {
	if testing.Short() {
		t.Skip("70,000 rows")
	}
	b := newBook(t)
	rows := make([]loadtest.Row, 70_000)
	for i := range rows {
		rows[i] = loadtest.Row{ID: fmt.Sprintf("%032d", i), Day: day0, CVX: 208, County: "06001", Given: "06001"}
		if i%3 > 0 {
			rows[i].Recip = fmt.Sprintf("%032d", i/2)
			rows[i].Text = map[string]string{"recip_address_street": fmt.Sprintf("%d Main Street, Oakland", i), "lot_number": fmt.Sprintf("lot of this day %d", i)}
		}
	}
	e := b.log.Add(t, "CAIR2", "A", 1, rows...)
	_, root := b.build(t, release.Options{})
	r, err := duckdb.NewReader(t.Context(), "queries/release_views.sql", release.ViewFiles(root), []string{root, b.log.Lake.Dir}, 500)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	found, err := r.Query(t.Context(), fmt.Sprintf("select count(*), count(*) filter (s.recip_id is distinct from e.recip_id or s.lot_number is distinct from e.lot_number "+
		"or s.recip_address_street is distinct from e.recip_address_street or s.line <> e.line) from dose_event e join read_parquet('%s/%s/%s/event.parquet') s using (vax_event_id)",
		b.log.Lake.Dir, e.Registry, e.Segment))
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var n, wrong int
	for found.Next() {
		if err := found.Scan(&n, &wrong); err != nil {
			t.Fatal(err)
		}
	}
	if found.Err() != nil || n != len(rows) || wrong != 0 {
		t.Errorf("%d rows, %d of them wrong, %v", n, wrong, found.Err())
	}
}
