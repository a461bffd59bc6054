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
	if err := d.grow(ctx); err != nil {
		return nil, err
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
// what follows from them. Versions are settled a portion of the segments at a
// time and doses a part of the persons at a time, so that memory is bounded
// however much there is; people need one look at everyone in scope.
func (d *DB) rows(ctx context.Context, c *chunk) error {
	if err := d.run(ctx, "models/09_nothing_yet.sql"); err != nil {
		return err
	}
	if err := d.replays(ctx, c); err != nil {
		return err
	}
	everyone := c.mostlyNew()
	portions, err := d.portions(ctx, c)
	if err != nil {
		return err
	}
	for _, p := range portions {
		if err := d.settle(ctx, c, p, everyone); err != nil {
			return err
		}
	}
	if !everyone {
		if everyone, err = d.mostTouched(ctx); err != nil {
			return err
		}
	}
	if err := d.people(ctx, c, everyone); err != nil {
		return err
	}
	if err := d.doses(ctx, everyone); err != nil {
		return err
	}
	return d.run(ctx, "models/49_end.sql")
}

// settle decides which versions count after one portion of the segments.
func (d *DB) settle(ctx context.Context, c *chunk, p portion, everyone bool) error {
	if err := d.incoming(ctx, c, p); err != nil {
		return err
	}
	steps := []string{"10_version", "12_snapshot", "19_effect", "20_person", "20_touched", "20_portion_end"}
	for _, s := range steps {
		if s == "20_touched" && everyone {
			continue
		}
		if err := d.run(ctx, "models/"+s+".sql"); err != nil {
			return err
		}
	}
	return nil
}

// mostTouched says whether so many recipients are touched that looking at all
// costs less than finding out who else is concerned.
func (d *DB) mostTouched(ctx context.Context) (most bool, err error) {
	err = d.conn.QueryRowContext(ctx, "select (select count(distinct recip) from touched) * 3 > (select count(*) from person)").Scan(&most)
	return most, err
}

// people joins recipient ids into persons.
func (d *DB) people(ctx context.Context, c *chunk, everyone bool) error {
	scope, live, forget := "recip in (select recip from scope)", "table", "25_forget_scope"
	if everyone {
		scope, live, forget = "true", "view", "25_forget_all"
	}
	replace := []string{"{in_scope}", scope, "{live}", live, "{component_limit}", strconv.Itoa(d.rules.ComponentLimit)}
	for _, s := range []string{"20_scope_day", "20_candidate", "21_home", "22_link", "23_label_step", "24_person_write", forget} {
		name := "models/" + s + ".sql"
		var err error
		switch {
		case s == "20_scope_day" && everyone:
		case s == "21_home":
			err = d.homes(ctx, c, name)
		case s == "23_label_step":
			err = d.loop(ctx, name)
		default:
			err = d.run(ctx, name, replace...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// membersAtOnce bounds the recipients whose doses are derived together: about
// 2.3 events each.
const membersAtOnce = 1_500_000

// doses groups events that are one dose and derives what follows from them.
func (d *DB) doses(ctx context.Context, everyone bool) error {
	due := "true"
	if !everyone {
		due = "person_id in (select person_id from due_person)"
	}
	var members int
	if err := d.conn.QueryRowContext(ctx, "select count(*) from person where "+due).Scan(&members); err != nil {
		return err
	}
	parts := 1 + members/membersAtOnce
	for part := range parts {
		replace := []string{"{parts}", strconv.Itoa(parts), "{part}", strconv.Itoa(part), "{due}", due,
			"{apart}", strconv.Itoa(d.rules.ApartDays), "{same_day_other_lot}", quote(d.rules.SameDayOtherLot)}
		for _, s := range []string{"26_part", "30_dose", "31_dose_step", "40_derive"} {
			name := "models/" + s + ".sql"
			var err error
			if s == "31_dose_step" {
				err = d.loop(ctx, name)
			} else {
				err = d.run(ctx, name, replace...)
			}
			if err != nil {
				return err
			}
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
