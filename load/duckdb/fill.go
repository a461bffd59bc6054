package duckdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// ReleaseTables are the tables that the queries of a release read (sql/models,
// 41 and above): who fills a new warehouse with their rows from another
// warehouse can build a release from it.
func ReleaseTables() []string {
	return []string{"event", "derived", "alias", "applied", "replayed_reject", "closing"}
}

// Fill makes a new warehouse a copy of what another has at ledger position
// seq: files are Parquet files of the rows of tables, by the names of columns.
// It counts whole or not at all.
func (d *DB) Fill(ctx context.Context, seq int64, files map[string]string) (err error) {
	defer dose.Wrap(&err, "fill the warehouse")
	at, err := d.Position(ctx)
	if err != nil {
		return err
	}
	if at != 0 {
		return fmt.Errorf("it is at ledger entry %d, and not new: %w", at, dose.ErrInvalid)
	}
	if _, err := d.conn.ExecContext(ctx, "begin"); err != nil {
		return err
	}
	for table, path := range files {
		if _, err = d.conn.ExecContext(ctx, "insert into "+table+" by name select * from read_parquet("+quote(path)+")"); err != nil {
			err = fmt.Errorf("%s: %w", table, err)
			break
		}
	}
	if err == nil {
		_, err = d.conn.ExecContext(ctx, fmt.Sprintf("delete from position; insert into position values (%d)", seq))
	}
	end := "commit"
	if err != nil {
		end = "rollback"
	}
	_, endErr := d.conn.ExecContext(context.WithoutCancel(ctx), end)
	if err = errors.Join(err, endErr); err != nil {
		return err
	}
	return d.grow(ctx)
}
