package duckdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

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

// step is one SQL text of an application, or a loop that runs until nothing
// changes.
type step struct {
	name  string
	until bool
}

func (d *DB) apply(ctx context.Context, entries, known []load.Entry) ([]load.Effect, error) {
	c, err := d.newChunk(entries, known)
	if err != nil {
		return nil, err
	}
	if err := d.inputs(ctx, c); err != nil {
		return nil, err
	}
	if len(c.all) > 0 {
		if err := d.rows(ctx, c); err != nil {
			return nil, err
		}
	}
	for _, s := range []string{"delete from position", fmt.Sprintf("insert into position values (%d)", c.last)} {
		if _, err := d.conn.ExecContext(ctx, s); err != nil {
			return nil, err
		}
	}
	return d.effects(ctx, c.first)
}

// rows takes the records of the chunk through versions, people, doses and
// what follows from them.
func (d *DB) rows(ctx context.Context, c *chunk) error {
	if err := d.incoming(ctx, c); err != nil {
		return err
	}
	replace := []string{"{first_place}", strconv.FormatInt(load.Place(c.first, 0), 10),
		"{component_limit}", strconv.Itoa(d.rules.ComponentLimit), "{apart}", strconv.Itoa(d.rules.ApartDays),
		"{same_day_other_lot}", quote(d.rules.SameDayOtherLot)}
	scope := "20_scope_day"
	if c.mostlyNew() {
		scope = "20_scope_all"
	}
	for _, s := range []step{{name: "10_version"}, {name: "12_snapshot"}, {name: "19_effect"}, {name: "20_person"}, {name: scope}, {name: "20_candidate"}, {name: "21_home"},
		{name: "22_link"}, {name: "23_label_step", until: true}, {name: "24_person_write"},
		{name: "30_dose"}, {name: "31_dose_step", until: true}, {name: "40_derive"}} {
		name := "models/" + s.name + ".sql"
		var err error
		switch {
		case s.until:
			err = d.loop(ctx, name)
		case s.name == "21_home":
			err = d.homes(ctx, c, name)
		default:
			err = d.run(ctx, name, replace...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// loop runs a text until its last statement says that nothing changed.
func (d *DB) loop(ctx context.Context, name string) error {
	statements, err := sqltext.Statements(name)
	if err != nil {
		return err
	}
	last := len(statements) - 1
	for {
		for _, s := range statements[:last] {
			if _, err := d.conn.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		var changed int64
		if err := d.conn.QueryRowContext(ctx, statements[last]).Scan(&changed); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if changed == 0 {
			return nil
		}
	}
}

// homes reads the addresses of the candidates, from the segments they lie in.
func (d *DB) homes(ctx context.Context, c *chunk, name string) error {
	rows, err := d.conn.QueryContext(ctx, "select distinct place // 4294967296 from candidate")
	if err != nil {
		return err
	}
	files, err := c.filesOf(rows)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		files = c.all[:1] // no candidate: any file gives no row
	}
	return d.run(ctx, name, "{files}", list(files))
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

// Prepare makes the table of persons that a release's queries share.
func (d *DB) Prepare(ctx context.Context) error { return d.run(ctx, "models/45_release_person.sql") }

// Export writes the result of a query to a Parquet file: how facts leave the
// warehouse (ADR 0005).
func (d *DB) Export(ctx context.Context, query, path string) error {
	_, err := d.conn.ExecContext(ctx, "copy ("+query+") to "+quote(path)+" (format parquet, compression uncompressed)")
	if err != nil {
		return fmt.Errorf("export %s: %w", filepath.Base(path), err)
	}
	return nil
}

// Absent counts what a snapshot would remove.
func (d *DB) Absent(ctx context.Context, registry, segment string, before int64) (absent, live int64, err error) {
	defer dose.Wrap(&err, "compare snapshot %s/%s with the warehouse", registry, segment)
	folder, err := d.lake.Folder(registry, segment)
	if err != nil {
		return 0, 0, err
	}
	query, err := sqltext.Text("queries/snapshot_absent.sql")
	if err != nil {
		return 0, 0, err
	}
	query = strings.ReplaceAll(query, "{files}", list([]string{filepath.Join(folder, load.EventFile)}))
	err = d.conn.QueryRowContext(ctx, query, registry, before).Scan(&absent, &live)
	return absent, live, err
}

// Rest gives memory back to the system until the next query: at 1 million
// events the process falls from 223 to 127 MB.
func (d *DB) Rest(ctx context.Context) error {
	for _, s := range []string{"drop table if exists release_person", "drop table if exists release_season"} {
		if _, err := d.conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("rest warehouse: %w", err)
		}
	}
	for _, mb := range []int{32, d.memoryMB} {
		if _, err := d.conn.ExecContext(ctx, fmt.Sprintf("set memory_limit = '%dMB'", mb)); err != nil {
			return fmt.Errorf("rest warehouse: %w", err)
		}
	}
	return nil
}
