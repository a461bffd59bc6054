package pipelines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/load"
)

// RemapRequest says which segments are mapped again, and how many examples of
// each change are shown.
type RemapRequest struct {
	Registry, Segment string // empty: all
	Precision         string // least precision of admin_date, as in Request
	Sample            int
}

// Remap is what the kept payloads would become today, beside what was stored
// of them. Rows are paired by their line.
type Remap struct {
	Segments int            `json:"segments"`
	Records  int64          `json:"records"`
	Rows     int64          `json:"rows"`     // stored
	Changed  int64          `json:"changed"`  // of them, other in one column or more
	Appeared int64          `json:"appeared"` // rows that were no rows before
	Gone     int64          `json:"gone"`     // stored rows that would be none
	Columns  []ColumnChange `json:"columns"`
	Issues   []FindingMove  `json:"issues"`
	Rejects  []FindingMove  `json:"rejects"`
	Where    []SegmentMove  `json:"where"` // segments that something would change in
}

// ColumnChange is what would change in one column.
type ColumnChange struct {
	Column   string    `json:"column"`
	Rows     int64     `json:"rows"`
	Examples []Example `json:"examples"`
}

// Example is one way in which a column changes. Of a column that only those
// with access to identified or limited data may see there is a place, and no
// value; a value that is null is empty.
type Example struct {
	At     string `json:"at"` // SEGMENT:LINE of the first
	From   string `json:"from"`
	To     string `json:"to"`
	Hidden bool   `json:"hidden,omitempty"`
	Rows   int64  `json:"rows"`
}

// FindingMove counts the issues or rejects of one code that are new, and those
// that are no more.
type FindingMove struct {
	Code     string `json:"code"`
	New      int64  `json:"new"`
	Vanished int64  `json:"vanished"`
	At       string `json:"at"` // the first
}

// SegmentMove says how many rows of one segment would change.
type SegmentMove struct {
	Registry string `json:"registry"`
	Segment  string `json:"segment"`
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
	Changed  int64  `json:"changed"`
	Appeared int64  `json:"appeared"`
	Gone     int64  `json:"gone"`
}

// Remap runs kept payloads through the decoders and the mapper of today and
// compares what comes out with the segments. It writes nothing and needs no
// lease. The clock stands at the day the payload came, so that a date that was
// in the future then still is; senders and settings are those of now.
func (r *Runner) Remap(ctx context.Context, q RemapRequest) (*Remap, error) {
	known, err := r.Ledger.List(ctx, 0)
	if err != nil {
		return nil, err
	}
	known = slices.DeleteFunc(known, func(k Known) bool {
		return !k.HoldsRecords() || q.Registry != "" && k.Registry != q.Registry || q.Segment != "" && k.Segment != q.Segment
	})
	if len(known) == 0 {
		return nil, fmt.Errorf("no segment fits; 'dosebook verify' and the view segment list them: %w", dose.ErrNotFound)
	}
	all := newRemapping(q.Sample)
	for i := range known {
		k := &known[i]
		before := all.out
		at := Count{Path: k.Name, Payload: i + 1, Payloads: len(known)}
		if err := r.remap(ctx, q, k, all, at); err != nil {
			return nil, fmt.Errorf("segment %s/%s: %w", k.Registry, k.Segment, err)
		}
		m := SegmentMove{k.Registry, k.Segment, k.Name, k.Rows, all.out.Changed - before.Changed, all.out.Appeared - before.Appeared, all.out.Gone - before.Gone}
		if m.Changed+m.Appeared+m.Gone > 0 {
			all.out.Where = append(all.out.Where, m)
		}
		all.out.Segments++
	}
	return all.report(), nil
}

// remap compares one segment.
func (r *Runner) remap(ctx context.Context, q RemapRequest, k *Known, all *remapping, at Count) (err error) {
	f, err := os.Open(r.Raw.Path(k.SHA256))
	if err != nil {
		return fmt.Errorf("the kept payload can't be read ('dosebook verify' says what else): %w", err)
	}
	defer f.Close()
	in, err := extract.Unpack(f)
	if err != nil {
		return err
	}
	defer in.Close()
	d, err := r.Decoder(k.Format)
	if err != nil {
		return err
	}
	reader, err := d.Open(in, k.Name)
	if err != nil {
		return err
	}
	then := *r
	then.Now = func() time.Time { return time.UnixMicro(k.ReceivedAt) }
	mapper, err := then.mapper(ctx, Request{Registry: k.Registry, Action: k.Action, Precision: q.Precision})
	if err != nil {
		return err
	}
	if err := all.open(r.Lake, k); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	err = r.line(ctx, reader, mapper, func(m *mapped) error {
		defer m.events.Release()
		all.out.Records += m.records
		at.Records += m.records
		r.progress(at)
		return all.block(ctx, m)
	})
	if err != nil {
		return err
	}
	return all.rest(ctx)
}

// finding is an issue or reject, as it is told from others of its payload.
type finding struct {
	line        int64
	code, field string
}

// findings pairs what was found then with what is found now. The file is read
// a row group at a time, as far as the block in hand; what has no partner
// then is counted and forgotten.
type findings struct {
	segment string
	file    *load.Stored
	read    int64 // all stored findings on lines before this one were read
	end     bool
	open    map[finding]int
	moves   map[string]*FindingMove
}

func (f *findings) now(line int64, code, field string) { f.add(finding{line, code, field}, 1) }

func (f *findings) add(x finding, n int) {
	if n += f.open[x]; n == 0 {
		delete(f.open, x)
	} else {
		f.open[x] = n
	}
}

// upTo reads what was stored on lines up to line and settles them.
func (f *findings) upTo(ctx context.Context, line int64) error {
	for !f.end && f.read <= line {
		b, err := f.file.Next(ctx)
		if errors.Is(err, io.EOF) {
			f.end = true
			break
		}
		if err != nil {
			return err
		}
		lines, code, field := numbersOf(column(b, "line")), column(b, "code"), column(b, "field")
		for i, n := range lines {
			f.add(finding{n, textAt(code, i), textAt(field, i)}, -1)
			f.read = max(f.read, n)
		}
		b.Release()
	}
	for x, n := range f.open {
		if x.line > 0 && x.line <= line {
			f.settle(x, n)
		}
	}
	return nil
}

func (f *findings) settle(x finding, n int) {
	delete(f.open, x)
	m := f.moves[x.code]
	at := Ref{f.segment, x.line}.String()
	if m == nil {
		m = &FindingMove{Code: x.code, At: at}
		f.moves[x.code] = m
	}
	if n > 0 {
		m.New += int64(n)
	} else {
		m.Vanished -= int64(n)
	}
}

// rest settles what is left at the end of a segment.
func (f *findings) rest(ctx context.Context) error {
	if err := f.upTo(ctx, 1<<62); err != nil {
		return err
	}
	for x, n := range f.open {
		f.settle(x, n) // on the file as a whole
	}
	return nil
}

func sortedMoves(m map[string]*FindingMove) []FindingMove {
	out := []FindingMove{}
	for _, x := range m {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b FindingMove) int {
		return cmp.Or(cmp.Compare(b.New+b.Vanished, a.New+a.Vanished), strings.Compare(a.Code, b.Code))
	})
	return out
}
