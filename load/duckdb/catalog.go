package duckdb

import (
	"context"
	"database/sql"
	"errors"

	duckdriver "github.com/duckdb/duckdb-go/v2"

	"github.com/dosebook/dosebook/dose"
)

// Catalog makes a DuckDB file at path, which must not exist, of statements. It
// is whole once Catalog has returned, and no other file belongs to it.
func Catalog(ctx context.Context, path string, statements []string) (err error) {
	defer dose.Wrap(&err, "write catalog")
	connector, err := duckdriver.NewConnector(path, nil)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range append(statements, "checkpoint") {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// OpenCatalog opens the DuckDB file at path for reading.
func OpenCatalog(ctx context.Context, path string) (*Reader, error) {
	connector, err := duckdriver.NewConnector(path+"?access_mode=read_only", nil)
	if err != nil {
		return nil, err
	}
	r := &Reader{sql.OpenDB(connector)}
	r.db.SetMaxOpenConns(1)
	if err := r.db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}
