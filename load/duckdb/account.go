package duckdb

import (
	"context"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Standings counts how the rows of each segment stand, by ledger sequence. A
// segment whose rows are all lost is not among them.
func (d *DB) Standings(ctx context.Context) (_ map[int64]load.Standing, err error) {
	defer dose.Wrap(&err, "account of the warehouse")
	query, err := sqltext.Text("queries/account_rows.sql")
	if err != nil {
		return nil, err
	}
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64]load.Standing{}
	for rows.Next() {
		var seq int64
		var s load.Standing
		if err := rows.Scan(&seq, &s.Current, &s.Duplicates, &s.Tombstoned, &s.Superseded); err != nil {
			return nil, err
		}
		out[seq] = s
	}
	return out, rows.Err()
}
