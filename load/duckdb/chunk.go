package duckdb

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"

	"github.com/dosebook/dosebook/load"
)

// chunk is the entries of one application, sorted by what they are.
type chunk struct {
	first, last int64
	known       []load.Entry          // all segments with records, up to last
	path        map[int64]string      // their files, by seq
	all         []string              // the same, in order
	fresh       map[int64]bool        // those whose rows arrive now
	retimed     []string              // files of older segments with a new source time
	inputs      map[string][]inputRow // crosswalks and decisions, by format
}

type inputRow struct {
	seq  int64
	path string
}

func (d *DB) newChunk(entries, known []load.Entry) (*chunk, error) {
	c := &chunk{first: entries[0].Seq, last: entries[len(entries)-1].Seq, path: map[int64]string{}, fresh: map[int64]bool{}, inputs: map[string][]inputRow{}}
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
			if fresh {
				c.inputs[k.Format] = append(c.inputs[k.Format], inputRow{k.Seq, filepath.Join(folder, load.InputFile)})
			}
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

// inputs takes in crosswalks and decisions, and says which keys and recipients
// are to be decided anew.
func (d *DB) inputs(ctx context.Context, c *chunk) error {
	if err := d.run(ctx, "models/01_segments.sql"); err != nil {
		return err
	}
	for format, text := range map[string]string{load.Crosswalk: "models/02_aliases.sql", load.Decision: "models/03_decisions.sql"} {
		var files []string
		for _, in := range c.inputs[format] {
			files = append(files, in.path)
			if _, err := d.conn.ExecContext(ctx, "insert into input_in values (?, ?)", in.seq, in.path); err != nil {
				return err
			}
		}
		if len(files) > 0 {
			if err := d.run(ctx, text, "{"+format+"}", list(files)); err != nil {
				return err
			}
		}
	}
	return d.run(ctx, "models/04_settled.sql", "{first_place}", strconv.FormatInt(load.Place(c.first, 0), 10))
}

// incoming makes the view over the segments being applied. Where keys are
// decided anew, all segments are read for them.
func (d *DB) incoming(ctx context.Context, c *chunk) error {
	if len(c.retimed) > 0 {
		if err := d.run(ctx, "models/06_reread.sql", "{files}", list(c.retimed)); err != nil {
			return err
		}
	}
	var reread int64
	if err := d.conn.QueryRowContext(ctx, "select count(*) from reread").Scan(&reread); err != nil {
		return err
	}
	var files []string
	for _, k := range c.known {
		if _, err := d.conn.ExecContext(ctx, "insert into segment_in values (?, ?, ?, ?, ?, ?, ?)", k.Seq, c.path[k.Seq], k.Registry,
			k.Action, k.SourceTime, c.fresh[k.Seq], k.Action == "S"); err != nil {
			return err
		}
		if c.fresh[k.Seq] || reread > 0 {
			files = append(files, c.path[k.Seq])
		}
	}
	if len(files) == 0 {
		files = c.all[:1] // nothing arrives: any file gives no row
	}
	return d.run(ctx, "models/05_incoming.sql", "{files}", list(files))
}

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
