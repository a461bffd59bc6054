package sql_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "github.com/dosebook/dosebook/control" // the driver "sqlite"
	sqltext "github.com/dosebook/dosebook/sql"
)

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// texts reads one column of a query.
func texts(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// done are the versions in the order in which they were run.
func done(t *testing.T, db *sql.DB) []string {
	t.Helper()
	return texts(t, db, "select version from schema_migration order by rowid")
}

// all are the versions that the control database has.
func all(t *testing.T) (out []string) {
	t.Helper()
	names, err := sqltext.Migrations("control")
	if err != nil || len(names) < 2 || !slices.IsSorted(names) {
		t.Fatal(names, err)
	}
	for i := range names {
		out = append(out, fmt.Sprint(i+1))
	}
	return out
}

func TestMigrate(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "control.db"))
	for range 3 {
		if err := sqltext.Migrate(t.Context(), db, "control"); err != nil {
			t.Fatal(err)
		}
		if got := done(t, db); !slices.Equal(got, all(t)) {
			t.Fatalf("versions %v, want %v", got, all(t))
		}
	}
}

func TestMigrateTwiceAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	var wg sync.WaitGroup
	for range 6 {
		db := open(t, path)
		wg.Go(func() {
			if err := sqltext.Migrate(t.Context(), db, "control"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := done(t, open(t, path)); !slices.Equal(got, all(t)) {
		t.Errorf("versions %v, want %v", got, all(t))
	}
}

// TestMigrateGoesOn: only what is missing is run.
func TestMigrateGoesOn(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "control.db"))
	for _, s := range []string{"create table schema_migration (version integer not null)", "insert into schema_migration values (1)"} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := sqltext.Migrate(t.Context(), db, "control"); err != nil {
		t.Fatal(err)
	}
	tables := texts(t, db, "select name from sqlite_master where type = 'table'")
	if !slices.Equal(done(t, db), all(t)) || slices.Contains(tables, "ledger") || !slices.Contains(tables, "access_grant") {
		t.Errorf("versions %v, tables %v", done(t, db), tables)
	}
}

// TestFailedMigration: a migration that fails leaves nothing of itself, and
// runs when what was in its way is gone.
func TestFailedMigration(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "control.db"))
	if _, err := db.ExecContext(t.Context(), "create table ledger (x)"); err != nil {
		t.Fatal(err)
	}
	err := sqltext.Migrate(t.Context(), db, "control")
	if err == nil || !strings.Contains(err.Error(), "0001_ledger.sql") {
		t.Fatalf("%v does not name the migration", err)
	}
	tables := texts(t, db, "select name from sqlite_master where type = 'table'")
	if slices.Contains(tables, "payload") || slices.Contains(tables, "schema_migration") {
		t.Errorf("a failed migration left %v", tables)
	}
	if _, err := db.ExecContext(t.Context(), "drop table ledger"); err != nil {
		t.Fatal(err)
	}
	if err := sqltext.Migrate(t.Context(), db, "control"); err != nil {
		t.Fatal(err)
	}
}

// TestNewerDatabase: what a newer dosebook has changed is left alone.
func TestNewerDatabase(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "control.db"))
	for _, s := range []string{"create table schema_migration (version integer not null)", "insert into schema_migration values (999)"} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := sqltext.Migrate(t.Context(), db, "control"); err == nil || !strings.Contains(err.Error(), "newer dosebook") {
		t.Errorf("a newer database: %v", err)
	}
	if got := done(t, db); !slices.Equal(got, []string{"999"}) {
		t.Errorf("versions %v", got)
	}
}
