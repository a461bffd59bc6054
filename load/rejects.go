package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
)

// Refused is one reject as a segment keeps it. Record must not reach a log.
type Refused struct {
	Line                                         int64
	Field, Code, Message, Remedy, Sender, Record string
}

// Replayed says that the record on the lines from Line up to Until of a
// replay's payload is the one that was refused in Segment on OriginLine. It
// was first refused on RootLine of the entry's Root: that may be an earlier
// segment, when a replay was refused again.
type Replayed struct {
	Line, Until          int64
	Segment              string
	OriginLine, RootLine int64
}

// Rejects calls each with the rejects of a segment, in order; without records
// their text is not read. The segment must have rejects.
func (l Lake) Rejects(ctx context.Context, registry, segment string, records bool, each func(Refused) error) error {
	var cols []int
	for i, c := range rejectColumns {
		if c.Name != "record" || records {
			cols = append(cols, i)
		}
	}
	return l.read(ctx, registry, segment, RejectFile, cols, func(c cells, i int) error {
		return each(Refused{Line: c.number("line", i), Field: c.text("field", i), Code: c.text("code", i), Message: c.text("message", i),
			Remedy: c.text("remedy", i), Sender: c.text("sender", i), Record: c.text("record", i)})
	})
}

// Replays calls each with what a replay's segment takes up again, in order.
func (l Lake) Replays(ctx context.Context, registry, segment string, each func(Replayed) error) error {
	return l.read(ctx, registry, segment, ReplayFile, nil, func(c cells, i int) error {
		return each(Replayed{Line: c.number("line", i), Until: c.number("until", i), Segment: c.text("segment", i),
			OriginLine: c.number("origin_line", i), RootLine: c.number("root_line", i)})
	})
}

// Closed is one word of a steward on a reject.
type Closed struct {
	Registry, Segment string
	Line              int64
	Verdict           string // dose.RejectGivenUp, or dose.RejectOpen to take it up again
	Reason, By, At    string
}

// Closings calls each with what a segment of format Closing says, in order.
func (l Lake) Closings(ctx context.Context, registry, segment string, each func(Closed) error) error {
	return l.read(ctx, registry, segment, InputFile, nil, func(c cells, i int) error {
		return each(Closed{Registry: c.text("registry", i), Segment: c.text("segment", i), Line: c.number("line", i), Verdict: c.text("verdict", i),
			Reason: c.text("reason", i), By: c.text("by", i), At: c.text("at", i)})
	})
}

// cells are the columns of a batch, by name.
type cells map[string]arrow.Array

// text is empty for null and for a column that the file has not got.
func (c cells) text(name string, i int) string {
	if a := c[name]; a != nil && a.IsValid(i) {
		return a.ValueStr(i)
	}
	return ""
}

func (c cells) number(name string, i int) int64 {
	if a, ok := c[name].(*array.Int64); ok && a.IsValid(i) {
		return a.Value(i)
	}
	return 0
}

// read calls each with the rows of a small file of a segment; nil cols means
// all. Files that an older version wrote may lack columns.
func (l Lake) read(ctx context.Context, registry, segment, name string, cols []int, each func(cells, int) error) (err error) {
	defer dose.Wrap(&err, "read %s of segment %s/%s", name, registry, segment)
	folder, err := l.Folder(registry, segment)
	if err != nil {
		return err
	}
	f, err := file.OpenParquetFile(filepath.Join(folder, name), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.NumRows() == 0 {
		return nil
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	have := f.MetaData().Schema.NumColumns()
	for len(cols) > 0 && cols[len(cols)-1] >= have {
		cols = cols[:len(cols)-1]
	}
	batches, err := r.GetRecordReader(ctx, cols, nil)
	if err != nil {
		return err
	}
	defer batches.Release()
	for {
		b, err := batches.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("rows: %w", err)
		}
		c := cells{}
		for i, field := range b.Schema().Fields() {
			c[field.Name] = b.Column(i)
		}
		for i := range int(b.NumRows()) {
			if err := each(c, i); err != nil {
				return err
			}
		}
	}
}
