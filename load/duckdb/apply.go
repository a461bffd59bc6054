package duckdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Apply applies ledger entries in one transaction.
func (d *DB) Apply(ctx context.Context, entries, known []load.Entry) (_ []load.Effect, err error) {
	defer dose.Wrap(&err, "apply ledger entries to the warehouse")
	if len(entries) == 0 {
		return nil, nil
	}
	if _, err := d.conn.ExecContext(ctx, "begin transaction"); err != nil {
		return nil, err
	}
	effects, err := d.apply(ctx, entries, known)
	if err != nil {
		// The context may be why we are here; the transaction must end anyhow.
		_, rollback := d.conn.ExecContext(context.WithoutCancel(ctx), "rollback")
		return nil, errors.Join(err, rollback)
	}
	if _, err := d.conn.ExecContext(ctx, "commit"); err != nil {
		return nil, err
	}
	return effects, nil
}

func (d *DB) apply(ctx context.Context, entries, known []load.Entry) ([]load.Effect, error) {
	first, last := entries[0].Seq, entries[len(entries)-1].Seq
	if err := d.incoming(ctx, entries, known); err != nil {
		return nil, err
	}
	if err := d.run(ctx, "models/10_version.sql"); err != nil {
		return nil, err
	}
	if err := d.run(ctx, "models/19_effect.sql"); err != nil {
		return nil, err
	}
	firstPlace := strconv.FormatInt(load.Place(first, 0), 10)
	if err := d.run(ctx, "models/40_derive.sql", "{first_place}", firstPlace); err != nil {
		return nil, err
	}
	for _, s := range []string{"delete from position", fmt.Sprintf("insert into position values (%d)", last)} {
		if _, err := d.conn.ExecContext(ctx, s); err != nil {
			return nil, err
		}
	}
	return d.effects(ctx, first)
}

// incoming makes the view over the segments being applied. Segments that were
// retimed, and with them all others, are read again for the keys concerned.
func (d *DB) incoming(ctx context.Context, entries, known []load.Entry) error {
	inChunk := map[string]bool{}
	retimed := map[string]bool{}
	for _, e := range entries {
		if !e.Retime {
			inChunk[e.Registry+"/"+e.Segment] = true
		}
	}
	for _, e := range entries {
		if k := e.Registry + "/" + e.Segment; e.Retime && !inChunk[k] {
			retimed[k] = true
		}
	}
	if _, err := d.conn.ExecContext(ctx, "create or replace temp table segment_in (seq bigint, path varchar, registry varchar, action varchar, source_time bigint, fresh boolean)"); err != nil {
		return err
	}
	var files, again []string
	for _, k := range known {
		fresh := inChunk[k.Registry+"/"+k.Segment]
		if !fresh && len(retimed) == 0 {
			continue
		}
		folder, err := d.lake.Folder(k.Registry, k.Segment)
		if err != nil {
			return err
		}
		path := filepath.Join(folder, load.EventFile)
		files = append(files, path)
		if retimed[k.Registry+"/"+k.Segment] {
			again = append(again, path)
		}
		if _, err := d.conn.ExecContext(ctx, "insert into segment_in values (?, ?, ?, ?, ?, ?)",
			k.Seq, path, k.Registry, k.Action, k.SourceTime, fresh); err != nil {
			return err
		}
	}
	if len(again) == 0 {
		if _, err := d.conn.ExecContext(ctx, "create or replace temp table retimed_key (event_key bigint)"); err != nil {
			return err
		}
	} else if err := d.run(ctx, "models/06_retimed.sql", "{files}", list(again)); err != nil {
		return err
	}
	if len(files) == 0 { // retimes of segments in this same chunk cannot be all there is
		return fmt.Errorf("no segment behind ledger entries %d to %d: %w", entries[0].Seq, entries[len(entries)-1].Seq, dose.ErrNotFound)
	}
	return d.run(ctx, "models/05_incoming.sql", "{files}", list(files))
}

// effects reads what the segments from seq first on did.
func (d *DB) effects(ctx context.Context, first int64) ([]load.Effect, error) {
	rows, err := d.conn.QueryContext(ctx, "select seq, adds, updates, deletes, unchanged from applied where seq >= ? order by seq", first)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []load.Effect
	at := map[int64]int{}
	for rows.Next() {
		e := load.Effect{Issues: map[string]int64{}}
		if err := rows.Scan(&e.Seq, &e.Adds, &e.Updates, &e.Deletes, &e.Unchanged); err != nil {
			return nil, err
		}
		at[e.Seq] = len(out)
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	found, err := d.conn.QueryContext(ctx, "select place // 4294967296, code, count(*) from event_issue where place >= ? group by all", load.Place(first, 0))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var seq, n int64
		var code string
		if err := found.Scan(&seq, &code, &n); err != nil {
			return nil, err
		}
		if i, ok := at[seq]; ok {
			out[i].Issues[code] = n
		}
	}
	return out, found.Err()
}

// Check runs the store's invariants and returns those that do not hold, with
// their counts.
func (d *DB) Check(ctx context.Context) (map[string]int64, error) {
	query, err := sqltext.Text("models/90_check.sql")
	if err != nil {
		return nil, err
	}
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("check warehouse: %w", err)
	}
	defer rows.Close()
	bad := map[string]int64{}
	for rows.Next() {
		var what string
		var n int64
		if err := rows.Scan(&what, &n); err != nil {
			return nil, fmt.Errorf("check warehouse: %w", err)
		}
		if n != 0 {
			bad[what] = n
		}
	}
	return bad, rows.Err()
}

// Export writes the result of a query to a Parquet file: how facts leave the
// warehouse (ADR 0005).
func (d *DB) Export(ctx context.Context, query, path string) error {
	_, err := d.conn.ExecContext(ctx, "copy ("+query+") to "+quote(path)+" (format parquet, compression uncompressed)")
	if err != nil {
		return fmt.Errorf("export %s: %w", filepath.Base(path), err)
	}
	return nil
}
