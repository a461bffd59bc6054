package snowflake

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/snowconn"
)

// Segment writes the wide rows of a segment, as they lie in Snowflake, to a
// Parquet file at path of the lake's form, in row groups of the given sizes.
// Rows that are missing, double or out of order are an error: a row's place is
// what the store knows it by.
func (d *DB) Segment(ctx context.Context, e load.Entry, groups []int64, path string) (_ load.File, err error) {
	defer dose.Wrap(&err, "read segment %s/%s from Snowflake", e.Registry, e.Segment)
	s, err := d.own(ctx, "dosebook:segment")
	if err != nil {
		return load.File{}, err
	}
	t, err := load.NewTable(path, dose.SegmentColumns())
	if err != nil {
		return load.File{}, err
	}
	m := segmentRows{first: load.Place(e.Seq, 0), groups: groups, to: t}
	query := "SELECT " + names(dose.SegmentColumns()) + ", PLACE FROM SEGMENT_ROW WHERE FILENAME = " + quote(key(e)) + " ORDER BY PLACE"
	err = s.stream(ctx, "read rows", query, m.start, m.batch)
	if m.g != nil {
		defer m.g.release()
	}
	if err == nil && (m.rows != e.Rows || len(m.groups) > 0) {
		err = fmt.Errorf("it has %d rows there, %d in the ledger: rebuild the warehouse: %w", m.rows, e.Rows, dose.ErrInvalid)
	}
	if err != nil {
		t.Abort()
		return load.File{}, err
	}
	f, err := t.Finish()
	f.Path = e.Registry + "/" + e.Segment + "/" + f.Path
	return f, err
}

// segmentRows is a segment on its way back.
type segmentRows struct {
	first  int64 // place of its first row
	rows   int64 // read
	groups []int64
	g      *gather
	to     *load.Table
}

func (m *segmentRows) start(fields []snowconn.Field) error {
	cols := dose.SegmentColumns()
	if len(fields) != len(cols)+1 {
		return fmt.Errorf("%d columns: %w", len(fields), errForm)
	}
	m.g = newGather(dose.Schema(cols), fields)
	return nil
}

func (m *segmentRows) batch(b arrow.RecordBatch) error {
	n := int(b.NumRows())
	place := b.Column(int(b.NumCols()) - 1)
	for i := range n {
		if p, ok := wholeAt(place, i); !ok || place.IsNull(i) || p != m.first+m.rows+int64(i) {
			return fmt.Errorf("row %d is not at its place there: rebuild the warehouse: %w", m.rows+int64(i), dose.ErrInvalid)
		}
	}
	m.rows += int64(n)
	for from := 0; from < n; {
		if len(m.groups) == 0 {
			return fmt.Errorf("there are more rows than in the lake: %w", dose.ErrInvalid)
		}
		to := min(n, from+int(m.groups[0]-m.g.rows))
		if err := m.g.add(b, from, to); err != nil {
			return err
		}
		if from = to; m.g.rows == m.groups[0] {
			m.groups = m.groups[1:]
			if err := m.g.flush(m.to.Append); err != nil {
				return err
			}
		}
	}
	return nil
}
