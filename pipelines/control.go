package pipelines

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/transform"
)

// A control file says what a sender holds without saying anything of a person:
// event ids with county, day and content key, or, where ids may not be sent,
// for each county and day how many events there are and the sum of their
// content keys modulo 2^64. Both are in the order of their first cells.
var (
	ControlRows = []string{"vax_event_id", "county", "admin_date", "content"}
	ControlDays = []string{"county", "admin_date", "rows", "content"}
)

// ControlFile is what ReadControl found.
type ControlFile struct {
	Days bool // by county and day
	Rows int64
}

// ReadControl checks a control file and writes its rows to out plainly: no
// header, the content as a number. A file that is not whole and in order is
// refused at its first bad line, which is never quoted.
func ReadControl(in io.Reader, name string, out io.Writer) (f ControlFile, err error) {
	bad := func(line int, says string) error {
		return fmt.Errorf("%s: line %d: %s; nothing was compared, make the file again: %w", name, line, says, dose.ErrInvalid)
	}
	r, w := csv.NewReader(bufio.NewReaderSize(in, 1<<20)), csv.NewWriter(out)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	head, err := r.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return f, bad(1, "not CSV")
	}
	if len(head) > 0 {
		head[0] = strings.TrimPrefix(head[0], "\ufeff")
	}
	if f.Days = slices.Equal(head, ControlDays); !f.Days && !slices.Equal(head, ControlRows) {
		return f, bad(1, "the header is neither "+strings.Join(ControlRows, ",")+" nor "+strings.Join(ControlDays, ","))
	}
	last := ""
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			w.Flush()
			return f, w.Error()
		}
		if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
			return f, bad(parse.Line, "not CSV")
		} else if err != nil {
			return f, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		key, says := controlRow(rec, f.Days)
		switch {
		case says != "":
			return f, bad(line, says)
		case f.Rows > 0 && key <= last:
			return f, bad(line, "out of order, or twice: the rows are sorted by "+sortedBy(f.Days)+", byte by byte")
		}
		last = strings.Clone(key)
		f.Rows++
		if err := w.Write(rec); err != nil {
			return f, err
		}
	}
}

func sortedBy(days bool) string {
	if days {
		return "county and admin_date"
	}
	return ControlRows[0]
}

// controlRow checks a row, makes its content a number, and returns what rows
// are sorted by.
func controlRow(rec []string, days bool) (key, says string) {
	if len(rec) != 4 {
		return "", fmt.Sprintf("%d fields, not 4; the file may have been cut short", len(rec))
	}
	county, day, key := rec[1], rec[2], rec[0]
	if days {
		county, day, key = rec[0], rec[1], rec[0]+" "+rec[1]
		if n, err := strconv.ParseInt(rec[2], 10, 64); err != nil || n < 1 {
			return "", "rows is no number above 0"
		}
	}
	if _, ok := dose.CountyByFIPS(county); !ok && county != dose.OutOfState && county != dose.UnknownCounty {
		return "", "the county is no Californian FIPS code, OOS or UNK"
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return "", "admin_date is no date as YYYY-MM-DD"
	}
	n, err := strconv.ParseUint(rec[3], 16, 64)
	if err != nil || len(rec[3]) != 16 {
		return "", "content is not 16 hex digits; the file may have been cut short"
	}
	if rec[3] = strconv.FormatUint(n, 10); !days {
		rec[3] = strconv.FormatInt(int64(n), 10) // content_key is signed
	}
	if key == "" {
		return "", "vax_event_id is empty"
	}
	return key, ""
}

// ContentText writes a content key, or a sum of them, as control files do.
func ContentText(n uint64) string { return fmt.Sprintf("%016x", n) }

// ControlVersions writes what the files of a request say of each event, in the
// order in which it counts (queries/control_views.sql has the columns).
// Nothing is kept and no ledger is needed: this runs where the files come
// from. Rows that a load would refuse are left out and counted.
func (r *Runner) ControlVersions(ctx context.Context, req Request, out io.Writer) (records, refused int64, err error) {
	paths, bad := Expand(req.Paths)
	if err := errors.Join(bad...); err != nil {
		return 0, 0, err
	}
	w := csv.NewWriter(out)
	row := int64(0)
	for i, path := range paths {
		r.progress(Count{Path: path, Payload: i + 1, Payloads: len(paths), Records: records})
		at := r.Now().UnixMicro()
		if t, _, ok := extract.ParseName(filepath.Base(path)); ok {
			at = t.UnixMicro() + rank[req.Action]
		}
		err := r.events(ctx, req, path, func(m *mapped) error {
			records, refused = records+m.records, refused+int64(len(m.rejects))
			return writeVersions(w, m.events, at, &row)
		})
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", path, err)
		}
	}
	w.Flush()
	return records, refused, w.Error()
}

// events decodes and maps a file that is not kept.
func (r *Runner) events(ctx context.Context, req Request, path string, sink func(*mapped) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	defer f.Close()
	in, err := extract.Unpack(f)
	if err != nil {
		return err
	}
	defer in.Close()
	reader, err := r.open(in, req.Format, &Known{Name: filepath.Base(path)})
	if err != nil {
		return err
	}
	mapper := func() *transform.Mapper {
		return transform.New(transform.Options{Registry: req.Registry, Action: req.Action, Precision: req.Precision, Levels: r.levels(req.Registry)})
	}
	return r.line(ctx, reader, mapper, func(m *mapped) error {
		defer m.events.Release()
		return sink(m)
	})
}

// writeVersions writes the narrow rows of a batch; at is the file's time.
func writeVersions(w *csv.Writer, events arrow.RecordBatch, at int64, row *int64) error {
	cols := map[string]arrow.Array{}
	for i, f := range events.Schema().Fields() {
		cols[f.Name] = events.Column(i)
	}
	ids, _ := cols["vax_event_id"].(*array.String)
	days, _ := cols["admin_date"].(*array.Date32)
	contents, _ := cols["content_key"].(*array.Int64)
	dead, _ := cols["tombstone"].(*array.Boolean)
	times, _ := cols["source_time"].(*array.Timestamp)
	county, _ := cols["county"].(*array.Dictionary)
	if ids == nil || days == nil || contents == nil || dead == nil || times == nil || county == nil {
		return errors.New("the segment's schema is not the declared one")
	}
	counties := county.Dictionary()
	rec := make([]string, 7)
	for i := range int(events.NumRows()) {
		*row++
		rec[0], rec[1], rec[2], rec[5] = ids.Value(i), "", "", strconv.FormatInt(at, 10)
		if county.IsValid(i) {
			rec[1] = counties.ValueStr(county.GetValueIndex(i))
		}
		if days.IsValid(i) {
			rec[2] = days.Value(i).FormattedString()
		}
		if times.IsValid(i) {
			rec[5] = strconv.FormatInt(int64(times.Value(i)), 10)
		}
		rec[3], rec[4], rec[6] = strconv.FormatInt(contents.Value(i), 10), strconv.FormatBool(dead.Value(i)), strconv.FormatInt(*row, 10)
		if err := w.Write(rec); err != nil {
			return err
		}
	}
	return nil
}
