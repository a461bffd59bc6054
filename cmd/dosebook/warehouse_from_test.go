//go:build !nosnowflake

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/load/loadtest"
)

// TestReleaseFromSnowflake: a release of the rows that lie in Snowflake has the
// bytes of the one from DuckDB, also where no local warehouse is left; one
// whose rows differ is told of.
func TestReleaseFromSnowflake(t *testing.T) {
	f := loadtest.Snowflake(t)
	config := snowflakeConfig(t, f.Host, f.Port)
	d := newData(t)
	d.ok(t, "demo", "--rows", fmt.Sprint(size(400, 2000, 5000)), "--no-serve", "--config", config)
	if r := d.exits(t, 0, "release", "build", "--from", "snowflake", "--config", config); !strings.Contains(r.out, "have the same bytes") {
		t.Errorf("built beside the one that is there: %s", r.out)
	}
	d.exits(t, 2, "release", "build", "--from", "snowflake", "--as-of", "1", "--config", config)
	d.exits(t, 2, "release", "build", "--from", "oracle")
	d.exits(t, 4, "release", "build", "--from", "snowflake")

	there, err := filepath.Glob(filepath.Join(string(d), "releases", "*", "manifest.json"))
	if err != nil || len(there) != 1 {
		t.Fatalf("%v, %v", there, err)
	}
	id := filepath.Base(filepath.Dir(there[0]))
	bare := data(filepath.Join(t.TempDir(), "data"))
	if err := os.CopyFS(string(bare), os.DirFS(string(d))); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"releases", "warehouse.duckdb", "warehouse.duckdb.wal"} {
		if err := os.RemoveAll(filepath.Join(string(bare), gone)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(string(bare), "releases"), 0o700); err != nil {
		t.Fatal(err)
	}
	bare.ok(t, "release", "build", "--from", "snowflake", "--config", config)
	if n := sameFolder(t, filepath.Join(string(d), "releases", id), filepath.Join(string(bare), "releases", id)); n < 200 {
		t.Errorf("%d files compared", n)
	}
	for _, left := range []string{asOfPrefix + "*", "warehouse.duckdb"} {
		if found, _ := filepath.Glob(filepath.Join(string(bare), left)); len(found) > 0 {
			t.Errorf("left behind: %v", found)
		}
	}

	database := databaseOf(t, config)
	f.Exec(t, database, "UPDATE SEGMENT_ROW SET RECIP_SEX = 'X' WHERE PLACE IN (SELECT MIN(PLACE) FROM DERIVED)")
	if r := d.exits(t, 1, "release", "build", "--from", "snowflake", "--config", config); !strings.Contains(r.err, "other bytes") {
		t.Errorf("a value that was changed there: %s", r.err)
	}
	f.Exec(t, database, "DELETE FROM SEGMENT_ROW WHERE PLACE IN (SELECT MIN(PLACE) FROM DERIVED)")
	if r := d.exits(t, 2, "release", "build", "--from", "snowflake", "--config", config); !strings.Contains(r.err, "rebuild the warehouse") {
		t.Errorf("a row that was removed there: %s", r.err)
	}
	d.ok(t, "warehouse", "rebuild", "snowflake", "--config", config)
	d.ok(t, "release", "build", "--from", "snowflake", "--config", config)
}

// databaseOf reads the name from a configuration of snowflakeConfig.
func databaseOf(t *testing.T, config string) string {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "database: ")
	name, _, _ := strings.Cut(after, ",")
	return name
}

// sameFolder wants the same files with the same bytes in both, and counts them.
func sameFolder(t *testing.T, a, b string) (n int) {
	t.Helper()
	for i, dir := range []string{a, b} {
		other := []string{b, a}[i]
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			mine, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			theirs, err := os.ReadFile(filepath.Join(other, name))
			if err != nil || !bytes.Equal(mine, theirs) {
				t.Errorf("%s differs: %v", name, err)
			}
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return n / 2
}
