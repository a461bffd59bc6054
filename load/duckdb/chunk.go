package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dosebook/dosebook/load"
)

// chunk is the entries of one application, sorted by what they are.
type chunk struct {
	first, last int64
	known       []load.Entry     // all segments with records, up to last
	path        map[int64]string // their files, by seq
	all         []string         // the same, in order
	fresh       map[int64]bool   // those whose rows arrive now
	retimed     []string         // files of older segments with a new source time
	taken       []string         // registries of snapshots among them
	inputs      []inputRow       // crosswalks, decisions and closings, in order
}

// inputRow is an input: fresh ones are taken in, anew says also that an older
// one has a new source time.
type inputRow struct {
	entry       load.Entry
	path        string
	fresh, anew bool
}

func (d *DB) newChunk(entries, known []load.Entry) (*chunk, error) {
	c := &chunk{first: entries[0].Seq, last: entries[len(entries)-1].Seq, path: map[int64]string{}, fresh: map[int64]bool{}}
	retimed := map[string]bool{}
	for _, e := range entries {
		if e.Retime {
			retimed[e.Registry+"/"+e.Segment] = true
		}
	}
	for _, k := range known {
		folder, err := d.lake.Folder(k.Registry, k.Segment)
		if err != nil {
			return nil, err
		}
		fresh := k.Seq >= c.first
		if !k.HoldsRecords() {
			anew := fresh || retimed[k.Registry+"/"+k.Segment]
			c.inputs = append(c.inputs, inputRow{k, filepath.Join(folder, load.InputFile), fresh, anew})
			continue
		}
		path := filepath.Join(folder, load.EventFile)
		c.known = append(c.known, k)
		c.all = append(c.all, path)
		c.path[k.Seq] = path
		if fresh {
			c.fresh[k.Seq] = true
		} else if retimed[k.Registry+"/"+k.Segment] {
			c.retimed = append(c.retimed, path)
			if k.Action == snapshot {
				c.taken = append(c.taken, k.Registry)
			}
		}
	}
	return c, nil
}

// filesOf returns the files of the segments whose seqs rows lists, and closes rows.
func (c *chunk) filesOf(rows *sql.Rows) ([]string, error) {
	defer rows.Close()
	var files []string
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, err
		}
		files = append(files, c.path[seq])
	}
	return files, rows.Err()
}

// inputs takes in crosswalks, decisions and closings, and says which keys and recipients
// are to be decided anew.
func (d *DB) inputs(ctx context.Context, c *chunk) error {
	if err := d.run(ctx, "models/01_segments.sql"); err != nil {
		return err
	}
	var rows []string
	fresh := map[string][]string{}
	for _, in := range c.inputs {
		rows = append(rows, fmt.Sprintf("(%d, %s, %d, %t)", in.entry.Seq, quote(in.path), in.entry.SourceTime, in.anew))
		if in.fresh {
			fresh[in.entry.Format] = append(fresh[in.entry.Format], in.path)
		}
	}
	if err := d.insert(ctx, "input_in", rows); err != nil {
		return err
	}
	texts := map[string]string{load.Crosswalk: "models/02_aliases.sql", load.Decision: "models/03_decisions.sql", load.Closing: "models/08_closings.sql"}
	for format, text := range texts {
		if files := fresh[format]; len(files) > 0 {
			if err := d.run(ctx, text, "{"+format+"}", list(files)); err != nil {
				return err
			}
		}
	}
	return d.run(ctx, "models/04_settled.sql")
}

// insert adds rows, written as SQL, in one statement: one by one they are most
// of what a small call costs.
func (d *DB) insert(ctx context.Context, table string, rows []string) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := d.conn.ExecContext(ctx, "insert into "+table+" values "+strings.Join(rows, ", "))
	return err
}

// portion is segments whose versions are settled together.
type portion struct {
	fresh  map[int64]bool // seqs whose rows arrive now
	last   int64          // of the ledger, as far as this portion sees it
	reread bool           // keys are decided anew: all segments are read for them
}

// portionRows bounds the rows whose versions are settled together.
const portionRows = 5_000_000

// portions cuts the fresh segments. Where keys are decided anew there is one
// portion: they are decided from all their versions.
func (d *DB) portions(ctx context.Context, c *chunk) ([]portion, error) {
	if len(c.retimed) > 0 {
		if err := d.run(ctx, "models/06_reread.sql", "{files}", list(c.retimed), "{snapshots}", list(c.taken)); err != nil {
			return nil, err
		}
	}
	var reread int64
	if err := d.conn.QueryRowContext(ctx, "select count(*) from reread").Scan(&reread); err != nil {
		return nil, err
	}
	if reread > 0 {
		return []portion{{c.fresh, c.last, true}}, nil
	}
	all := []portion{{fresh: map[int64]bool{}}}
	rows := int64(0)
	for _, k := range c.known {
		if !c.fresh[k.Seq] {
			continue
		}
		now := &all[len(all)-1]
		if rows += k.Rows; rows > portionRows && len(now.fresh) > 0 {
			now.last = k.Seq - 1
			all, rows = append(all, portion{fresh: map[int64]bool{}}), k.Rows
			now = &all[len(all)-1]
		}
		now.fresh[k.Seq] = true
	}
	all[len(all)-1].last = c.last
	return all, nil
}

// incoming makes the view over the portion's rows.
func (d *DB) incoming(ctx context.Context, c *chunk, p portion) error {
	var files, rows []string
	for _, k := range c.known {
		if k.Seq > p.last {
			break
		}
		rows = append(rows, fmt.Sprintf("(%d, %s, %s, %s, %d, %t, %t)", k.Seq, quote(c.path[k.Seq]), quote(k.Registry),
			quote(k.Action), k.SourceTime, p.fresh[k.Seq], k.Action == snapshot))
		if p.fresh[k.Seq] || p.reread {
			files = append(files, c.path[k.Seq])
		}
	}
	if _, err := d.conn.ExecContext(ctx, "delete from segment_in"); err != nil {
		return err
	}
	if err := d.insert(ctx, "segment_in", rows); err != nil {
		return err
	}
	if len(files) == 0 {
		files = c.all[:1] // nothing arrives: any file gives no row
	}
	return d.run(ctx, "models/05_incoming.sql", "{files}", list(files))
}

// snapshot is the action of segments that hold all of their registry's events.
const snapshot = "S"

// mostlyNew says whether the chunk brings at least as many rows as there were.
func (c *chunk) mostlyNew() bool {
	var fresh, before int64
	for _, k := range c.known {
		if c.fresh[k.Seq] {
			fresh += k.Rows
		} else {
			before += k.Rows
		}
	}
	return fresh >= before
}
