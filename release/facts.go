package release

import (
	"errors"
	"fmt"
	"os"

	parquet "github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/load"
)

// facts is what the warehouse says of a segment's rows, by row:
// sql/models/50_release_facts.sql.
type facts []fact

// fact is one row's. Its code is 0 for a row that is not current.
type fact struct {
	code uint16
	gap  int16 // days since the dose before, -1 for none
}

const (
	factPrimary  = 2
	factPartial  = 4
	factComplete = 8
	factKept     = 16
	factShort    = 32
	factOrdinal  = 6 // shift
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
		gap := cols[2].i32
		if len(place) != n || len(code) != n || len(gap) != n {
			return errShort
		}
		for i, p := range place {
			f, row := out[p>>32], p&(1<<32-1)
			if row >= int64(len(f)) {
				return fmt.Errorf("the warehouse names row %d of ledger entry %d, which has %d: %w", row, p>>32, len(f), errShort)
			}
			f[row] = fact{uint16(code[i]), int16(gap[i])}
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
	days   [12]int32 // by the columns days
	has    [12]bool  // which of them are known
	makers int32
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
		col := c[5+i]
		if i >= fullDay { // the makers stand between
			col = c[6+i]
		}
		if at := col.at[row]; at >= 0 {
			s.days[i], s.has[i] = col.i32[at], true
		}
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
