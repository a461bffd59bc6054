package pipelines

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/transform"
)

// one takes one file down the line, up to its entry in the ledger.
func (r *Runner) one(ctx context.Context, req Request, path string, c Count) (Payload, error) {
	p := Payload{Path: path, Registry: req.Registry, Format: req.Format, Issues: map[string]int64{}}
	r.progress(c)
	sha, size, err := r.Raw.Keep(path)
	if err != nil {
		return p, err
	}
	p.SHA256 = sha
	a := Arrival{SHA256: sha, Bytes: size, Registry: req.Registry, Action: req.Action, Name: cmp.Or(req.Name, filepath.Base(path)), At: r.Now()}
	if t, _, ok := extract.ParseName(a.Name); ok {
		a.SourceTime = t.UnixMicro() + rank[req.Action]
	} else if !req.SourceTime.IsZero() {
		a.SourceTime = req.SourceTime.UnixMicro() + rank[req.Action]
	}
	if req.Replay != nil {
		a.SourceTime = req.Replay.SourceTime
	}
	p.Segment, p.Duplicate, err = r.Ledger.Arrive(ctx, a)
	if err != nil || p.Duplicate {
		return p, err
	}
	k := &Known{Entry: load.Entry{Registry: req.Registry, Segment: p.Segment, Action: req.Action},
		SHA256: sha, Bytes: size, Name: a.Name, Issues: p.Issues, Replay: req.Replay}
	if k.Format = req.Format; !k.HoldsRecords() {
		err = r.input(ctx, k)
	} else if err = r.segment(ctx, req, k, c); err == nil && req.Action == Snapshot {
		err = r.guard(ctx, req, k, a)
	}
	if err == nil {
		err = r.budget(req, k)
	}
	if err != nil {
		return p, err
	}
	if err := r.Ledger.Append(ctx, k, a.At); err != nil {
		return p, err
	}
	p.Format, p.Records, p.Events, p.Rejects, p.seq = k.Format, k.Records, k.Rows, k.Rejects, k.Seq
	return p, nil
}

// rank orders files of the same day and number, in microseconds: what a sender
// adds, updates and deletes under one number is meant in that order, whichever
// file arrives first.
var rank = map[string]int64{"A": 0, "U": 1, "D": 2, Snapshot: 3}

// segment decodes the kept payload into a segment of the lake and fills in
// what the ledger needs to know of it.
func (r *Runner) segment(ctx context.Context, req Request, k *Known, c Count) error {
	f, err := os.Open(r.Raw.Path(k.SHA256))
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := extract.Unpack(f)
	if err != nil {
		return err
	}
	defer in.Close()
	reader, err := r.open(in, req.Format, k)
	if err != nil {
		return err
	}
	s, err := r.Lake.Begin(k.Registry, k.Segment)
	if err != nil {
		return err
	}
	defer s.Abort()
	mapper, err := r.mapper(ctx, req)
	if err != nil {
		return err
	}
	err = r.line(ctx, reader, mapper, func(m *mapped) error {
		defer m.events.Release()
		k.Records += m.records
		k.Rows += m.events.NumRows()
		k.Rejects += int64(len(m.rejects))
		for _, i := range m.issues {
			k.Issues[i.Check.Rule().Code]++
		}
		c.Records = k.Records
		r.progress(c)
		return s.Write(m.events, m.issues, m.rejects)
	})
	if err == nil && k.Replay != nil {
		err = s.Replays(k.Replay.Refs)
	}
	if err != nil {
		return err
	}
	k.Files, err = s.Commit(k.Registry, k.Segment)
	return err
}

// mapper returns what makes a mapper for each worker. All go by the clock and
// by the list of senders as they are now.
func (r *Runner) mapper(ctx context.Context, req Request) (func() *transform.Mapper, error) {
	senders, err := r.Ledger.SendersOf(ctx, req.Registry)
	if err != nil {
		return nil, err
	}
	o := transform.Options{Registry: req.Registry, Action: req.Action, Precision: req.Precision, Senders: senders, Codes: r.Codes, Levels: r.levels(req.Registry),
		Today: int32(r.Now().Unix() / int64((24 * time.Hour).Seconds()))}
	return func() *transform.Mapper { return transform.New(o) }, nil
}

func (r *Runner) open(in io.Reader, format string, k *Known) (extract.Reader, error) {
	head := bufio.NewReaderSize(in, 64<<10)
	if format == "" || format == "auto" {
		start, err := head.Peek(64 << 10)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if format = extract.Sniff(start); format == "" {
			format = "cvrs" // its decoder says best what is wrong with a text that is nothing
		}
	}
	k.Format = format
	d, err := r.Decoder(format)
	if err != nil {
		return nil, err
	}
	return d.Open(head, k.Name)
}

// mapped is what became of one block.
type mapped struct {
	records int64
	events  arrow.RecordBatch
	issues  []dose.Issue
	rejects []dose.Reject
}

// line runs reader → decode and map on all workers → sink, in the order of the
// payload.
func (r *Runner) line(ctx context.Context, reader extract.Reader, mapper func() *transform.Mapper, sink func(*mapped) error) error {
	return Ordered(ctx, reader, r.Workers, func() func(extract.Block) (*mapped, error) {
		m := mapper()
		return func(b extract.Block) (*mapped, error) { return decode(b, m) }
	}, sink)
}

// decode takes one block through the decoder and the mapper, and joins what
// both have to say about its rows.
func decode(b extract.Block, m *transform.Mapper) (*mapped, error) {
	raw, err := b.Decode()
	if err != nil {
		return nil, err
	}
	defer raw.Done()
	defer raw.Rows.Release()
	res, err := m.Apply(raw.Rows)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	out := &mapped{records: raw.Records, events: res.Events, rejects: raw.Rejects, issues: res.Issues}
	for _, rj := range res.Rejects {
		rj.Record = append([]byte(nil), raw.Record(int(rj.Row))...)
		out.rejects = append(out.rejects, rj)
	}
	if got := res.Events.NumRows() + int64(len(out.rejects)); got != raw.Records {
		res.Events.Release()
		return nil, fmt.Errorf("%d records became %d rows and rejects", raw.Records, got)
	}
	out.issues = append(out.issues, m.Levels().Apply(moved(raw.Issues, res.RawRow, int(raw.Rows.NumRows())))...)
	return out, nil
}

// moved renumbers the decoder's issues from raw rows to event rows. Issues on
// rows that were refused go with them; those on the file stay.
func moved(issues []dose.Issue, rawRow []int32, rows int) []dose.Issue {
	if rawRow == nil || len(issues) == 0 {
		return issues
	}
	to := make([]int32, rows)
	for i := range to {
		to[i] = -1
	}
	for event, raw := range rawRow {
		to[raw] = int32(event)
	}
	kept := issues[:0]
	for _, i := range issues {
		if i.Line != 0 {
			if i.Row = to[i.Row]; i.Row < 0 {
				continue
			}
		}
		kept = append(kept, i)
	}
	return kept
}
