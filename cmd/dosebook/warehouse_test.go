//go:build !nosnowflake

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/release"
	sqltext "github.com/dosebook/dosebook/sql"
)

// snowflakeConfig writes a configuration for the emulator at host and port.
func snowflakeConfig(t *testing.T, host string, port int) string {
	t.Helper()
	t.Setenv("SNOWFLAKE_TOKEN", "secret")
	path := filepath.Join(t.TempDir(), "dosebook.yaml")
	text := fmt.Sprintf("warehouse:\n  snowflake: {account: fakesnow, user: LOADER, role: LOADER, warehouse: W, database: D%d, token_env: SNOWFLAKE_TOKEN, host: %s, port: %d, protocol: http, timeout: 5m, sign_in: 5s}\n",
		time.Now().UnixNano(), host, port)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// compared are all tables that both warehouses have, and what releases are
// made of.
func compared(t *testing.T) map[string]string {
	t.Helper()
	queries := map[string]string{}
	for _, table := range []string{"event", "superseded", "person", "derived", "dose_pair", "alias", "decision", "applied", "event_issue", "product",
		"replayed_reject", "replayed_row", "whole_replay", "closing", "position"} {
		queries[table] = "select * from " + table
	}
	for name, model := range map[string]string{"dose: facts": "50_release_facts", "recipient": "51_release_recipients", "county_day": "41_county_day", "renamed": "55_release_renamed"} {
		text, err := sqltext.Text("models/" + model + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		queries[name] = strings.ReplaceAll(strings.TrimRight(text, "; \n"), "{counties}", countyValues())
	}
	return queries
}

func countyValues() string {
	rows := []string{"(1, 'OOS', 'Outside California', 'Not in California')", "(0, 'UNK', 'Unknown', 'Not in California')"}
	for _, c := range dose.Counties() {
		rows = append(rows, fmt.Sprintf("(%d, '%s', '%s', 'California')", fips(c.FIPS), c.FIPS, c.Name))
	}
	return strings.Join(rows, ", ")
}

func fips(s string) (n int) {
	_, _ = fmt.Sscanf(s, "%d", &n)
	return n
}

// wideRows is dose_event as the lake has it, at the places that count.
func wideRows(b *book, t *testing.T) (duck, snow string) {
	t.Helper()
	var names []string
	for _, c := range dose.SegmentColumns() {
		if c.Type != dose.Time {
			names = append(names, "w."+c.Name)
		} else {
			names = append(names, "epoch_us(w."+c.Name+") as "+c.Name)
		}
	}
	cols := strings.Join(names, ", ")
	known, err := b.ledger.List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var files, rows []string
	for _, k := range known {
		if !k.HoldsRecords() {
			continue
		}
		folder, err := b.lake.Folder(k.Registry, k.Segment)
		if err != nil {
			t.Fatal(err)
		}
		path := "'" + filepath.Join(folder, "event.parquet") + "'"
		files, rows = append(files, path), append(rows, fmt.Sprintf("(%s, %d)", path, k.Seq))
	}
	duck = "select e.place, " + cols + " from read_parquet([" + strings.Join(files, ", ") + "], file_row_number = true, filename = true, union_by_name = true) w" +
		" join (values " + strings.Join(rows, ", ") + ") s(path, seq) on s.path = w.filename join event e on e.place = s.seq::bigint * 4294967296 + w.file_row_number where not e.tombstone"
	return duck, "select e.place, " + cols + " from segment_row w join event e on e.place = w.place where not e.tombstone"
}

// lines reads a Parquet file as sorted text.
func lines(t *testing.T, path string) (out []string) {
	t.Helper()
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	in := array.NewTableReader(table, 0)
	defer in.Release()
	for in.Next() {
		b := in.RecordBatch()
		for i := range int(b.NumRows()) {
			var cells []string
			for _, c := range b.Columns() {
				cells = append(cells, c.ValueStr(i))
			}
			out = append(out, strings.Join(cells, " | "))
		}
	}
	slices.Sort(out)
	return out
}

// sameRows exports a query from both warehouses and compares.
func sameRows(t *testing.T, name string, duck, snow release.Warehouse, duckQuery, snowQuery string) int {
	t.Helper()
	dir := t.TempDir()
	for _, x := range []struct {
		w           release.Warehouse
		query, path string
	}{{duck, duckQuery, "duck"}, {snow, snowQuery, "snow"}} {
		if err := x.w.Export(t.Context(), x.query, filepath.Join(dir, x.path)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	d, s := lines(t, filepath.Join(dir, "duck")), lines(t, filepath.Join(dir, "snow"))
	if slices.Equal(d, s) {
		return len(d)
	}
	for i := range max(len(d), len(s)) {
		if i >= len(d) || i >= len(s) || d[i] != s[i] {
			t.Errorf("%s: %d rows in DuckDB, %d in Snowflake; the first that differ:\n%v\n%v", name, len(d), len(s), d[min(i, len(d)):min(i+2, len(d))], s[min(i, len(s)):min(i+2, len(s))])
			return len(d)
		}
	}
	return len(d)
}

// TestSameAnswers: the same events give identical tables and release facts in
// both warehouses, whatever they were cut into: the demo's registries, its
// replays and crosswalks; a rebuild changes nothing.
func TestSameAnswers(t *testing.T) {
	f := loadtest.Snowflake(t)
	config := snowflakeConfig(t, f.Host, f.Port)
	dir := data(filepath.Join(t.TempDir(), "data"))
	dir.ok(t, "demo", "--rows", fmt.Sprint(size(2000, 5000, 200_000)), "--no-serve", "--config", config)
	e := &env{data: string(dir), configFile: config, out: io.Discard, err: io.Discard, now: time.Now}
	if err := e.readConfig(nil); err != nil {
		t.Fatal(err)
	}
	b, err := e.openExisting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if s, err := e.shared(t.Context(), b); err != nil || s.Behind != 0 || s.Position == 0 || s.Error != "" {
		t.Fatalf("after the demo: %+v, %v", s, err)
	}
	compareAll(t, e, b)
	begin := time.Now()
	if err := e.follow(t.Context(), b, true); err != nil {
		t.Fatal(err)
	}
	t.Logf("rebuilt in %.1f s", time.Since(begin).Seconds())
	compareAll(t, e, b)
	if long() { // TestReleaseFromSnowflake shows it of few
		begin = time.Now()
		r := dir.exits(t, 0, "release", "build", "--from", "snowflake", "--config", config)
		t.Logf("in %.1f s: %s", time.Since(begin).Seconds(), r.out)
	}
}

func compareAll(t *testing.T, e *env, b *book) {
	t.Helper()
	snow, err := e.snowflake(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer snow.Close()
	err = e.writing(t.Context(), look, b, func(duck *duckdb.DB) error {
		for _, w := range []release.Warehouse{duck, snow} {
			if err := w.Prepare(t.Context()); err != nil {
				return err
			}
		}
		for name, query := range compared(t) {
			begin := time.Now()
			n := sameRows(t, name, duck, snow, query, query)
			t.Logf("%s: %d rows, compared in %.1f s", name, n, time.Since(begin).Seconds())
		}
		d, s := wideRows(b, t)
		begin := time.Now()
		n := sameRows(t, "dose_event", duck, snow, d, s)
		t.Logf("dose_event: %d rows, compared in %.1f s", n, time.Since(begin).Seconds())
		if n == 0 {
			t.Error("no dose_event")
		}
		bad, err := snow.Check(t.Context())
		if len(bad) > 0 {
			t.Errorf("invariants broken: %v", bad)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
