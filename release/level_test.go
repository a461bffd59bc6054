package release_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
)

// What a release's Parquet files say of themselves, and by what their row
// groups can be ruled out.
func TestFilesTellOfTheirColumns(t *testing.T) {
	b := mixed(t, 300)
	_, root := b.build(t, release.Options{Rows: 80})
	for table, cols := range map[string][]dose.Column{"dose_event": dose.ReleaseColumns(), "dose": dose.ReleaseColumns(), "recipient": dose.Recipient()} {
		path := filepath.Join(root, "counties", "06001", table+".parquet")
		says, level, err := release.Meanings(path)
		if err != nil || level != "identified" || len(says) != len(cols) {
			t.Fatalf("%s: level %q, %d columns, %v", table, level, len(says), err)
		}
		for _, c := range cols {
			if says[c.Name] != c.Meaning {
				t.Errorf("%s.%s says %q", table, c.Name, says[c.Name])
			}
		}
		_, p := read(t, path)
		at := dose.Index(cols)
		for _, name := range []string{"admin_date", "county", "cvx"} {
			i, ok := at[name]
			if !ok {
				continue
			}
			for _, g := range p.Metadata().RowGroups {
				if s := g.Columns[i].MetaData.Statistics; len(s.MinValue) == 0 || len(s.MaxValue) == 0 {
					t.Errorf("%s.%s has no statistics", table, name)
				}
			}
		}
	}
}

// A limited file has the rows of its source in order, without the columns
// above its level, in another part of the file either.
func TestLimit(t *testing.T) {
	b := mixed(t, 300)
	_, root := b.build(t, release.Options{Rows: 80})
	for _, table := range release.Tables() {
		src := filepath.Join(root, "counties", "06037", table+".parquet")
		dst := filepath.Join(t.TempDir(), table+".parquet")
		n, err := release.Limit(t.Context(), src, dst)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := read(t, src)
		got, p := read(t, dst)
		cols := dose.ReleaseColumns()
		if table == "recipient" {
			cols = dose.Recipient()
		}
		cols = dose.Profile(cols, dose.Limited)
		columns(t, p, cols)
		at := dose.Index(cols)
		for _, r := range want {
			maps.DeleteFunc(r, func(name, _ string) bool { _, ok := at[name]; return !ok })
		}
		if int(n) != len(want) || n == 0 || !slices.EqualFunc(got, want, func(a, b row) bool { return maps.Equal(a, b) }) {
			t.Errorf("%s: the limited rows are not the released ones", table)
		}
		if says, level, err := release.Meanings(dst); err != nil || level != "limited" || says["recip_last_name"] != "" || says["admin_date"] == "" && table != "recipient" {
			t.Errorf("%s says level %q of %v, %v", table, level, says, err)
		}
		text, err := os.ReadFile(dst)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"recip_last_name", "recip_id", "street"} {
			if strings.Contains(string(text), name) {
				t.Errorf("%s: the file still speaks of %s", table, name)
			}
		}
		again := filepath.Join(t.TempDir(), table+".parquet")
		if _, err := release.Limit(t.Context(), src, again); err != nil {
			t.Fatal(err)
		}
		if twice, _ := os.ReadFile(again); string(twice) != string(text) {
			t.Errorf("%s: two limited files differ", table)
		}
	}
	if _, err := release.Limit(t.Context(), filepath.Join(root, "county_day.parquet"), filepath.Join(t.TempDir(), "x.parquet")); err == nil {
		t.Error("a table of counts has no limited form")
	}
}

// De-identified records hold each event once, none that is locked, and
// nothing of the safe-harbour list, in an order that tells no county.
func TestDeidentify(t *testing.T) {
	b := mixed(t, 300)
	_, root := b.build(t, release.Options{Rows: 80})
	for _, table := range release.Tables() {
		dst := filepath.Join(t.TempDir(), table+".parquet")
		n, err := release.Deidentify(t.Context(), duckdb.Files{}, root, table, dst)
		if err != nil {
			t.Fatal(err)
		}
		got, p := read(t, dst)
		cols := dose.ReleaseColumns()
		if table == "recipient" {
			cols = dose.Recipient()
		}
		columns(t, p, dose.Profile(cols, dose.Deidentified))
		var want []string
		for _, path := range release.ViewFiles(root)[table] {
			rows, _ := read(t, path)
			for _, r := range rows {
				if r["visible_because"] != "administration" && r["protection"] != "Y" {
					want = append(want, deidentified(r))
				}
			}
		}
		var have []string
		for _, r := range got {
			have = append(have, deidentified(r))
		}
		slices.Sort(want)
		slices.Sort(have)
		if int(n) != len(want) || n == 0 || !slices.Equal(have, want) {
			t.Errorf("%s: %d rows are not the %d of residents", table, n, len(want))
		}
		if _, level, err := release.Meanings(dst); err != nil || level != "deidentified" {
			t.Errorf("%s: level %q, %v", table, level, err)
		}
		text, _ := os.ReadFile(dst)
		again := filepath.Join(t.TempDir(), table+".parquet")
		if _, err := release.Deidentify(t.Context(), duckdb.Files{}, root, table, again); err != nil {
			t.Fatal(err)
		}
		if twice, _ := os.ReadFile(again); string(twice) != string(text) {
			t.Errorf("%s: two de-identified files differ", table)
		}
	}
}

// Each level's files, in every format and as a database, as other tools read
// them: the Parquet file's rows and types.
func TestOtherToolsReadEveryLevel(t *testing.T) {
	release.Python(t)
	b := mixed(t, 300)
	m, root := b.build(t, release.Options{Rows: 80})
	m.Place = "06037"
	for _, level := range []dose.Level{dose.Identified, dose.Limited, dose.Deidentified} {
		dir := filepath.Join(root, "counties", m.Place)
		if level < dose.Identified {
			dir = t.TempDir()
		}
		for _, table := range []string{"dose_event", "recipient"} {
			src, dst := filepath.Join(root, "counties", m.Place, table+".parquet"), filepath.Join(dir, table+".parquet")
			var err error
			switch level {
			case dose.Limited:
				_, err = release.Limit(t.Context(), src, dst)
			case dose.Deidentified:
				_, err = release.Deidentify(t.Context(), duckdb.Files{}, root, table, dst)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d := release.Database{Manifest: m, Level: level, DoseEvent: filepath.Join(dir, "dose_event.parquet"),
			Recipient: filepath.Join(dir, "recipient.parquet"), CountyDay: filepath.Join(root, "county_day.parquet")}
		stem := release.AllFormats(t, d.DoseEvent)
		if _, err := release.MakeDatabase(t.Context(), duckdb.Files{}, d, stem+".duckdb"); err != nil {
			t.Fatal(err)
		}
		if out, ok := release.ReadBack(t, stem); !ok || !strings.Contains(out, "\nduckdb: ") {
			t.Errorf("%s:\n%s", level, out)
		}
		people := release.AllFormats(t, d.Recipient)
		if err := os.Link(stem+".duckdb", people+".duckdb"); err != nil {
			t.Fatal(err)
		}
		if out, ok := release.ReadBack(t, people); !ok || !strings.Contains(out, "\nduckdb: ") {
			t.Errorf("%s, people:\n%s", level, out)
		}
	}
}

// What only some rows have: an age over 90, a locked row, text that is no code.
func TestDeidentifyRareRows(t *testing.T) {
	root := t.TempDir()
	cols := dose.ReleaseColumns()
	at := dose.Index(cols)
	for table, paths := range release.ViewFiles(root) {
		if table != "dose_event" {
			continue
		}
		for n, path := range paths {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			w, err := load.NewTable(path, cols)
			if err != nil {
				t.Fatal(err)
			}
			if n == 2 {
				b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(cols))
				for _, r := range []row{
					{"recip_age": "90", "recip_sex": "f", "visible_because": "both"}, {"recip_age": "89", "recip_sex": "Ann Lee", "visible_because": "residence"},
					{"recip_age": "117", "ndc": "Ann Lee", "protection": "N", "visible_because": "both"}, {"recip_age": "20", "protection": "Y", "visible_because": "both"},
					{"recip_age": "30", "visible_because": "administration"}, {"visible_because": "both", "admin_date": "2022-01-05", "recip_last_name": "Lee"},
				} {
					for _, c := range cols {
						v, ok := r[c.Name]
						switch f := b.Field(at[c.Name]).(type) {
						case *array.BinaryDictionaryBuilder:
							if !ok {
								f.AppendNull()
							} else if err := f.AppendString(v); err != nil {
								t.Fatal(err)
							}
						default:
							if !ok {
								f.AppendNull()
							} else if err := f.AppendValueFromString(v); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				rec := b.NewRecordBatch()
				if err := w.Append(rec); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Finish(); err != nil {
				t.Fatal(err)
			}
		}
	}
	dst := filepath.Join(t.TempDir(), "dose_event.parquet")
	if _, err := release.Deidentify(t.Context(), duckdb.Files{}, root, "dose_event", dst); err != nil {
		t.Fatal(err)
	}
	rows, _ := read(t, dst)
	want := []row{{"recip_sex": "f", "recip_age": "90"}, {"admin_year": "2022"}, {"protection": "N", "recip_age": "90"}, {"recip_age": "89"}}
	less := func(a, b row) int { return strings.Compare(line(a), line(b)) }
	slices.SortFunc(rows, less)
	slices.SortFunc(want, less)
	if !slices.EqualFunc(rows, want, func(a, b row) bool { return maps.Equal(a, b) }) {
		t.Errorf("got %v, want %v", rows, want)
	}
}

// deidentified is what may be left of a row, of some columns.
func deidentified(r row) string {
	year := func(name string) string {
		if v := r[dose.YearName(name)]; v != "" {
			return v
		}
		if v, ok := r[name]; ok {
			n, _ := strconv.Atoi(v) // days since 1970
			return fmt.Sprint(time.Unix(int64(n)*86400, 0).UTC().Year())
		}
		return ""
	}
	age := r["recip_age"]
	if n, err := strconv.Atoi(age); err == nil && n > 90 {
		age = "90"
	}
	return fmt.Sprint(year("admin_date"), " ", year("ds1_admin_date"), " ", age, " ", r["cvx"], " ", r["recip_sex"], " ", r["doses"], " ", r["dose_ordinal"], " ", r["is_primary"])
}
