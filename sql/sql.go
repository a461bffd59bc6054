// Package sql holds every SQL text of dosebook, embedded from files, and the
// migrator that runs numbered ones.
//
// It promises that a migration runs once, in order, in one transaction with
// its number, and that nothing is done to a database of a newer dosebook. It
// never builds SQL from input.
package sql

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed migrations models queries dialect governance
var files embed.FS

// Text returns the SQL text at name, such as "queries/county_day.sql".
func Text(name string) (string, error) {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return "", fmt.Errorf("sql text %s: %w", name, err)
	}
	return string(b), nil
}

// Has says whether there is a text of that name.
func Has(name string) bool {
	_, err := fs.Stat(files, name)
	return err == nil
}

// Statements splits the text at name at semicolons that end a line, and
// leaves out comment lines.
func Statements(name string) ([]string, error) {
	text, err := Text(name)
	if err != nil {
		return nil, err
	}
	return split(text), nil
}

func split(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		b.WriteString(line)
		bare, _, _ := strings.Cut(line, " -- ")
		if strings.HasSuffix(strings.TrimSpace(bare), ";") {
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		out = append(out, rest)
	}
	return out
}

// Migrations lists the migration files of a database in order.
func Migrations(database string) ([]string, error) {
	dir := "migrations/" + database
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", database, err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".sql") {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names, nil
}

// Migrate brings db to the newest version of its migrations: "control" or
// "duckdb".
func Migrate(ctx context.Context, db *sql.DB, database string) error {
	names, err := Migrations(database)
	if err != nil {
		return err
	}
	// A database without the table has seen no migration; all else is decided
	// under the lock of migrateOne.
	var done int
	_ = db.QueryRowContext(ctx, "select coalesce(max(version), 0) from schema_migration").Scan(&done)
	if done > len(names) {
		return fmt.Errorf("this %s database is of a newer dosebook (migration %d, this one knows %d): go on with the newer one, or restore a backup of before", database, done, len(names))
	}
	for i, name := range names {
		if i < done {
			continue
		}
		if err := migrateOne(ctx, db, name, i+1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func migrateOne(ctx context.Context, db *sql.DB, name string, version int) error {
	statements, err := Statements(name)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "create table if not exists schema_migration (version integer not null)"); err != nil {
		return err
	}
	// Another process may have been faster between our look and our lock.
	var done int
	if err := tx.QueryRowContext(ctx, "select coalesce(max(version), 0) from schema_migration").Scan(&done); err != nil {
		return err
	}
	if done >= version {
		return nil
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "insert into schema_migration values (?)", version); err != nil {
		return err
	}
	return tx.Commit()
}
