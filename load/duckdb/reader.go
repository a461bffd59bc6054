package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	duckdriver "github.com/duckdb/duckdb-go/v2"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Reader answers SQL over Parquet files, in memory. It can read the folders it
// was given and nothing else, and change nothing.
type Reader struct{ db *sql.DB }

// NewReader makes the views of the SQL text at name over files: each {key} is
// replaced by the list of paths. Only folders may be read or, for Export,
// written. The last folder also takes what does not fit into memory: it should
// be the caller's own, mode 0700.
func NewReader(ctx context.Context, name string, files map[string][]string, folders []string, memoryMB int) (_ *Reader, err error) {
	defer dose.Wrap(&err, "open release for queries")
	connector, err := duckdriver.NewConnector("", nil)
	if err != nil {
		return nil, err
	}
	r := &Reader{sql.OpenDB(connector)}
	r.db.SetMaxOpenConns(1)
	if err := r.setup(ctx, name, files, folders, memoryMB); err != nil {
		return nil, joinClose(err, r)
	}
	return r, nil
}

func (r *Reader) setup(ctx context.Context, name string, files map[string][]string, folders []string, memoryMB int) error {
	views, err := sqltext.Statements(name)
	if err != nil {
		return err
	}
	var replace []string
	for key, paths := range files {
		replace = append(replace, "{"+key+"}", list(paths))
	}
	with := strings.NewReplacer(replace...)
	statements := []string{"set TimeZone = 'UTC'", fmt.Sprintf("set memory_limit = '%dMB'", memoryMB),
		"set autoinstall_known_extensions = false", "set temp_directory = " + quote(folders[len(folders)-1]), "set allowed_directories = " + list(folders), "set enable_external_access = false"}
	for _, v := range views {
		statements = append(statements, with.Replace(v))
	}
	for _, s := range append(statements, "set lock_configuration = true") {
		if _, err := r.db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Add makes more views, over files in the same folders.
func (r *Reader) Add(ctx context.Context, name string, files map[string][]string) error {
	views, err := sqltext.Statements(name)
	if err != nil {
		return err
	}
	var replace []string
	for key, paths := range files {
		replace = append(replace, "{"+key+"}", list(paths))
	}
	with := strings.NewReplacer(replace...)
	for _, v := range views {
		if _, err := r.db.ExecContext(ctx, with.Replace(v)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// reads refuses all but one SELECT, or what DuckDB reads as one: FROM, VALUES,
// DESCRIBE, SUMMARIZE, SHOW. The folders alone do not protect what they hold:
// DuckDB lets a COPY write wherever it may read. In brackets only a query
// parses, so that nothing else is as much as bound.
func (r *Reader) reads(ctx context.Context, query string) error {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		d, ok := c.(*duckdriver.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", c)
		}
		statement, err := d.Prepare("from (" + plain(query) + "\n)") // refuses several statements, and runs none
		if err != nil {
			return fmt.Errorf("a release is read with one SELECT: %w: %w", err, dose.ErrInvalid)
		}
		return statement.Close()
	})
}

// plain is a query without the semicolon at its end.
func plain(query string) string { return strings.TrimRight(query, "; \t\r\n") }

// Query runs a query. Its errors are of kind dose.ErrInvalid: the text is the
// reader's own.
func (r *Reader) Query(ctx context.Context, query string) (*sql.Rows, error) {
	if err := r.reads(ctx, query); err != nil {
		return nil, err
	}
	rows, err := r.db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	return rows, nil
}

// Export writes the rows of a query to a Parquet file in one of the folders.
func (r *Reader) Export(ctx context.Context, query, path string) error {
	if err := r.reads(ctx, query); err != nil {
		return err
	}
	_, err := r.db.ExecContext(ctx, "copy ("+plain(query)+"\n) to "+quote(path)+" (format parquet, compression zstd)")
	if err != nil {
		return fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	return nil
}

// Close frees the engine.
func (r *Reader) Close() error { return r.db.Close() }
