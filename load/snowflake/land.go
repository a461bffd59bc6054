package snowflake

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// landing is the tables of one attempt, by what lands in them. Their names are
// its own: no other loader meets them, and a new table has no history of loads
// by which a repeated file would be passed over.
type landing struct {
	run    string // letters, digits and underscores
	tables map[string]string
}

// The kinds of landing tables beside the formats of inputs.
const (
	events  = "event"
	replays = "replay"
)

// columns of a landing table of the kind.
func columns(kind string) []dose.Column {
	c := append([]dose.Column{}, lineage...)
	text, number := func(n string) dose.Column { return dose.Column{Name: n} }, func(n string) dose.Column { return dose.Column{Name: n, Type: dose.Big} }
	switch kind {
	case events:
		c = append(c, streetKey)
		for _, e := range dose.SegmentColumns() {
			if e.Type == dose.Time {
				e.Type = dose.Big // microseconds
			}
			c = append(c, e)
		}
	case rejects:
		c = append(c, number("line"), text("record"), text("field"), text("code"), text("message"), text("remedy"), text("sender"))
	case replays:
		c = append(c, number("line"), number("until"), text("segment"), number("origin_line"), number("root_line"))
	case load.Crosswalk:
		c = append(c, text("entity"), text("old_registry"), text("old_id"), number("old_key"), text("new_registry"), text("new_id"), number("new_key"))
	case load.Decision:
		c = append(c, text("entity"), number("a"), number("b"), text("verdict"))
	case load.Closing:
		c = append(c, text("registry"), text("segment"), number("line"), text("verdict"))
	}
	return c
}

func names(cols []dose.Column) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.Name
	}
	return strings.Join(out, ", ")
}

// land brings files into tables of their kind.
func (d *DB) land(ctx context.Context, s *session, l *landing, kind string, files []file) (rows int64, err error) {
	dir, err := os.MkdirTemp(d.spoolDir, "snowflake-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	table := "LAND_" + l.run + "_" + strings.ToUpper(kind)
	cols := columns(kind)
	defs := make([]string, len(cols))
	for i, c := range cols {
		defs[i] = c.Name + " " + c.Type.SQL()
	}
	if _, err := s.exec(ctx, "make a landing table", "CREATE TRANSIENT TABLE "+table+" ("+strings.Join(defs, ", ")+")"); err != nil {
		return 0, err
	}
	l.tables[kind] = table
	stage := "STAGE_" + l.run + "_" + strings.ToUpper(kind)
	if _, err := s.exec(ctx, "make a stage", "CREATE TEMPORARY STAGE "+stage); err != nil {
		return 0, err
	}
	sent := 0
	for _, f := range files {
		path := filepath.Join(dir, spoolName(f))
		n, err := d.spool(ctx, f, path)
		if err != nil {
			return 0, err
		}
		if n > 0 {
			if err := s.put(ctx, path, stage); err != nil {
				return 0, err
			}
			rows, sent = rows+n, sent+1
		}
		if err := os.Remove(path); err != nil {
			return 0, err
		}
	}
	if sent == 0 {
		return 0, nil
	}
	return rows, s.copy(ctx, table, stage, sent, rows)
}

// put uploads one file: a pattern of several names goes wrong with presigned
// addresses.
func (s *session) put(ctx context.Context, path, stage string) error {
	if strings.ContainsAny(path, `'\*?`) {
		return fmt.Errorf("the data directory's path has a quote, a backslash, * or ?: Snowflake's PUT can't name it: %w", dose.ErrInvalid)
	}
	return s.records(ctx, "upload", "PUT 'file://"+filepath.ToSlash(path)+"' @"+stage+" AUTO_COMPRESS=FALSE OVERWRITE=TRUE", func(row map[string]string) error {
		if row["status"] != "UPLOADED" {
			return fmt.Errorf("upload of %s: %.40s: %w", filepath.Base(path), row["status"], dose.ErrUpstream)
		}
		return nil
	})
}

// copy loads the stage's files into the table, all or nothing, and counts.
func (s *session) copy(ctx context.Context, table, stage string, files int, rows int64) error {
	var gotFiles int
	var gotRows int64
	err := s.records(ctx, "copy into a landing table", "COPY INTO "+table+" FROM @"+stage+
		" FILE_FORMAT=(TYPE=PARQUET USE_LOGICAL_TYPE=TRUE) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE ON_ERROR=ABORT_STATEMENT", func(row map[string]string) error {
		if row["status"] != "LOADED" {
			return fmt.Errorf("copy of %s: %.40s: %w", filepath.Base(row["file"]), row["status"], dose.ErrUpstream)
		}
		n, err := strconv.ParseInt(row["rows_loaded"], 10, 64)
		gotFiles, gotRows = gotFiles+1, gotRows+n
		return err
	})
	if err == nil && (gotFiles != files || gotRows != rows) {
		err = fmt.Errorf("copy: %d files with %d rows arrived, %d with %d were sent: %w", gotFiles, gotRows, files, rows, dose.ErrUpstream)
	}
	return err
}

// records reads the answer of PUT or COPY: rows by the names of columns, which
// differ in number from server to server.
func (s *session) records(ctx context.Context, doing, statement string, row func(map[string]string) error) error {
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return told(ctx, doing, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return told(ctx, doing, err)
	}
	for rows.Next() {
		cells, to := make([]any, len(cols)), make([]any, len(cols))
		for i := range cells {
			to[i] = &cells[i]
		}
		if err := rows.Scan(to...); err != nil {
			return told(ctx, doing, err)
		}
		r := map[string]string{}
		for i, c := range cols {
			r[strings.ToLower(c)] = fmt.Sprint(cells[i])
		}
		if err := row(r); err != nil {
			return err
		}
	}
	return told(ctx, doing, rows.Err())
}

// unland drops what this attempt, landed or not, has left.
func (s *session) unland(ctx context.Context, l *landing) error {
	for _, table := range l.tables {
		if _, err := s.exec(ctx, "drop a landing table", "DROP TABLE IF EXISTS "+table); err != nil {
			return err
		}
	}
	return nil
}
