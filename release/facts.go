package release

import (
	"errors"
	"fmt"
	"os"

	parquet "github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/load"
)

// facts is what the warehouse says of a segment's rows: the code of
// sql/models/50_release_facts.sql by row; 0 for a row that is not current.
type facts []uint16

const (
	factPrimary  = 2
	factPartial  = 4
	factComplete = 8
	factOrdinal  = 4 // shift
)

// readFacts reads the exported facts into one array a segment. The order of
// the file does not matter: the place says where a value lands.
func readFacts(path string, segments []load.Entry) (map[int64]facts, error) {
	out := make(map[int64]facts, len(segments))
	for _, s := range segments {
		if s.HoldsRecords() {
			out[s.Seq] = make(facts, s.Rows)
		}
	}
	err := eachPage(path, func(cols []source, n int) error {
		place, code := cols[0].i64, cols[1].i32
		if len(place) != n || len(code) != n {
			return errShort
		}
		for i, p := range place {
			f, row := out[p>>32], p&(1<<32-1)
			if row >= int64(len(f)) {
				return fmt.Errorf("the warehouse names row %d of ledger entry %d, which has %d: %w", row, p>>32, len(f), errShort)
			}
			f[row] = uint16(min(code[i], 1<<16-1))
		}
		return nil
	})
	return out, err
}

// seen is one row of sql/models/51_release_recipients.sql.
type seen struct {
	place  int64
	county int32
	city   int32
	part   bool
	doses  int32
	days   [7]int32 // first to sixth dose, and the latest
	has    [8]bool  // days known, and full
	makers int32
	full   int32
}

// ordered streams an exported file whose first column is the place and which
// is ordered by it.
type ordered struct {
	file  *os.File
	group []parquet.RowGroup
	cols  []source
	next  int // row in cols
	rows  int
}

func openOrdered(path string) (*ordered, error) {
	f, p, err := openParquet(path)
	if err != nil {
		return nil, err
	}
	return &ordered{file: f, group: p.RowGroups(), cols: make([]source, len(p.Schema().Fields()))}, nil
}

func (o *ordered) close() error { return o.file.Close() }

// before calls each with the rows whose place is below limit, in order.
func (o *ordered) before(limit int64, each func(c []source, row int)) error {
	for {
		if o.next == o.rows {
			if len(o.group) == 0 {
				return nil
			}
			if err := loadGroup(o.group[0], o.cols); err != nil {
				return err
			}
			o.next, o.rows, o.group = 0, int(o.group[0].NumRows()), o.group[1:]
			continue
		}
		if o.cols[0].i64[o.next] >= limit {
			return nil
		}
		each(o.cols, o.next)
		o.next++
	}
}

// seenAt reads a row of the exported recipients.
func seenAt(c []source, row int) seen {
	s := seen{place: c[0].i64[c[0].at[row]], county: c[1].i32[c[1].at[row]], city: c[2].i32[c[2].at[row]],
		part: c[3].bits[c[3].at[row]], doses: c[4].i32[c[4].at[row]], makers: c[12].i32[c[12].at[row]]}
	for i := range s.days {
		if at := c[5+i].at[row]; at >= 0 {
			s.days[i], s.has[i] = c[5+i].i32[at], true
		}
	}
	if at := c[13].at[row]; at >= 0 {
		s.full, s.has[7] = c[13].i32[at], true
	}
	return s
}

// eachPage calls f with the decoded columns of each row group of a file whose
// columns hold no nulls.
func eachPage(path string, f func(cols []source, n int) error) (err error) {
	file, p, err := openParquet(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	cols := make([]source, len(p.Schema().Fields()))
	for _, g := range p.RowGroups() {
		if err := loadGroup(g, cols); err != nil {
			return err
		}
		if err := f(cols, int(g.NumRows())); err != nil {
			return err
		}
	}
	return nil
}

func loadGroup(g parquet.RowGroup, cols []source) error {
	for i, chunk := range g.ColumnChunks() {
		if err := cols[i].load(physical(chunk.Type().Kind()), chunk, int(g.NumRows())); err != nil {
			return err
		}
	}
	return nil
}

func physical(k parquet.Kind) layout {
	switch k {
	case parquet.Int32:
		return intLayout
	case parquet.Int64:
		return bigLayout
	case parquet.Boolean:
		return boolLayout
	default:
		return textLayout
	}
}
