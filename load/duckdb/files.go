package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	duckdriver "github.com/duckdb/duckdb-go/v2"

	"github.com/dosebook/dosebook/dose"
)

// Files makes files that need SQL out of released Parquet files. It opens no
// warehouse and needs no lease. Each call has an engine of its own, on one
// thread, so that rows keep their order and Parquet its bytes; it reads the
// given folders alone, and what does not fit into memory goes beside the file.
type Files struct{ MemoryMB int }

// Parquet writes the rows of a query, in its order, to a Parquet file at dst,
// with notes in its footer.
func (f Files) Parquet(ctx context.Context, query, dst string, notes [][2]string, folders ...string) (err error) {
	defer dose.Wrap(&err, "make a Parquet file")
	db, err := f.open(ctx, "", dst, folders)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	kv := make([]string, len(notes))
	for i, n := range notes {
		kv[i] = `"` + n[0] + `": ` + quote(n[1])
	}
	text := "copy (" + query + "\n) to " + quote(dst) + " (format parquet, compression zstd"
	if len(kv) > 0 {
		text += ", kv_metadata {" + strings.Join(kv, ", ") + "}"
	}
	if _, err := db.ExecContext(ctx, text+")"); err != nil {
		return err
	}
	return os.Chmod(dst, 0o600)
}

// Database makes a DuckDB file at dst by statements, in their order.
func (f Files) Database(ctx context.Context, statements []string, dst string, folders ...string) (err error) {
	defer dose.Wrap(&err, "make a DuckDB file")
	db, err := f.open(ctx, dst, dst, folders)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, db.Close()); err == nil {
			err = os.Chmod(dst, 0o600)
		}
	}()
	for _, s := range append(statements, "checkpoint") {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// open opens the database file at path, or one in memory, for work on dst.
func (f Files) open(ctx context.Context, path, dst string, folders []string) (*sql.DB, error) {
	connector, err := duckdriver.NewConnector(path, nil)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	beside := filepath.Dir(dst)
	for _, s := range []string{"set TimeZone = 'UTC'", "set threads = 1", fmt.Sprintf("set memory_limit = '%dMB'", max(f.MemoryMB, 300)),
		"set autoinstall_known_extensions = false", "set temp_directory = " + quote(filepath.Join(beside, "sort")),
		"set allowed_directories = " + list(append(folders, beside)), "set enable_external_access = false", "set lock_configuration = true"} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}
