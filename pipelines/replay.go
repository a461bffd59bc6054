package pipelines

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
)

// Replay says what a replaying payload takes up: rejects of the segment
// Origin, whose records were first refused in Root. It counts from when Root
// counts, in Root's order of lines (docs/SENDERS.md).
type Replay struct {
	Origin, Root string
	SourceTime   int64
	Refs         []load.Replayed
}

// ReplayRequest says what to replay: the rejects that the filter holds, or
// those that a corrected file mends.
type ReplayRequest struct {
	Filter
	File      string // as 'rejects export' wrote it, corrected; empty: the records as they are kept
	Precision string // as in Request
}

// ReplayReport is what a replay did. Selected = Left + Unfit + what the
// payloads took up.
type ReplayReport struct {
	Selected int `json:"selected"` // rejects that were asked for
	Settled  int `json:"settled"`  // in the file: replayed or given up before, nothing waits
	Left     int `json:"left"`     // would be refused again as they are: they stay where they are
	Unfit    int `json:"unfit"`    // can't be replayed in their format: send them again
	*Report
}

// Loaded is how many events the replayed records became.
func (rep *ReplayReport) Loaded() int64 {
	if rep.Report == nil {
		return 0
	}
	return rep.Totals.Events
}

// Refused is how many were refused again.
func (rep *ReplayReport) Refused() int64 {
	if rep.Report == nil {
		return 0
	}
	return rep.Totals.Rejects
}

// replayBatch is waiting rejects of one segment, with their records.
type replayBatch struct {
	known   *Known
	lines   []int64
	sheet   *sheet // nil: as kept, read when its turn comes
	changed []bool // by whoever corrected the file; nil: none
}

// replayAtOnce bounds one payload, and so the memory of a replay: a sender
// that was suspended for months may have millions of records waiting.
const replayAtOnce = 100_000

// Replay takes refused records down the line again, one payload a segment
// that refused them: they count as of when they were sent, so never over newer
// knowledge. A record that would be refused again and was not changed stays
// where it is, so replaying twice changes nothing.
func (r *Runner) Replay(ctx context.Context, q ReplayRequest) (*ReplayReport, error) {
	if err := r.Recover(); err != nil {
		return nil, err
	}
	t, err := r.Ledger.trails(ctx, r.Lake, q.Registry)
	if err != nil {
		return nil, err
	}
	known, err := r.Ledger.List(ctx, 0)
	if err != nil {
		return nil, err
	}
	rep := &ReplayReport{}
	var batches []*replayBatch
	if q.File != "" {
		batches, err = r.mended(ctx, q, t, known, rep)
	} else {
		batches, err = r.waiting(ctx, q, t, known, rep)
	}
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.Raw.Dir, 0o700); err != nil {
		return nil, err
	}
	// Below raw, under a name that Recover sweeps: it holds records.
	dir, err := os.MkdirTemp(r.Raw.Dir, durable.Prefix+"replay-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var reqs []Request
	for _, b := range batches {
		req, err := r.settle(ctx, q, b, t, rep, dir)
		if err != nil {
			return nil, fmt.Errorf("replay of %s: %w", b.known.Segment, err)
		}
		if req != nil {
			reqs = append(reqs, *req)
		}
	}
	rep.Report, err = r.load(ctx, reqs...)
	if rep.Report != nil {
		for i := range rep.Payloads {
			rep.Payloads[i].Path = reqs[i].Name
		}
	}
	return rep, err
}

// waiting gathers the rejects that the filter holds, by segment.
func (r *Runner) waiting(ctx context.Context, q ReplayRequest, t *trails, known []Known, rep *ReplayReport) ([]*replayBatch, error) {
	q.State, q.Records = cmp.Or(q.State, Waiting), false
	lines := map[*Known][]int64{}
	err := rejects(ctx, r.Lake, t, known, q.Filter, func(x *Reject) error {
		if x.waits() {
			rep.Selected++
			lines[x.Known] = append(lines[x.Known], x.Line)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []*replayBatch
	for i := range known {
		for part := range slices.Chunk(lines[&known[i]], replayAtOnce) {
			out = append(out, &replayBatch{known: &known[i], lines: part})
		}
	}
	return out, nil
}

// Export writes the waiting rejects that the filter holds in their own format,
// each with what it mends. They must have one format, and one header.
func (r *Runner) Export(ctx context.Context, f Filter) (text []byte, n, unfit int, err error) {
	t, err := r.Ledger.trails(ctx, r.Lake, f.Registry)
	if err != nil {
		return nil, 0, 0, err
	}
	known, err := r.Ledger.List(ctx, 0)
	if err != nil {
		return nil, 0, 0, err
	}
	batches, err := r.waiting(ctx, ReplayRequest{Filter: f}, t, known, &ReplayReport{})
	if err != nil {
		return nil, 0, 0, err
	}
	var all *sheet
	for _, b := range batches {
		s, bad, err := r.sheet(ctx, b.known, b.lines)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("records of %s: %w", b.known.Segment, err)
		}
		unfit += bad
		switch {
		case len(s.records) == 0:
		case all == nil:
			all = s
		case all.format != s.format || !bytes.Equal(all.header, s.header):
			return nil, 0, 0, fmt.Errorf("segments %s and %s have other columns, patients or another format; export them one by one with --segment: %w",
				all.records[0].ref.Segment, b.known.Segment, dose.ErrInvalid)
		default:
			all.records = append(all.records, s.records...)
		}
	}
	if all == nil {
		return nil, 0, unfit, nil
	}
	text, _ = all.write()
	return text, len(all.records), unfit, nil
}

// settle tries a batch, leaves out what would stay as it is, and writes the
// rest as a payload; nil when nothing is left.
func (r *Runner) settle(ctx context.Context, q ReplayRequest, b *replayBatch, t *trails, rep *ReplayReport, dir string) (*Request, error) {
	req := Request{Registry: b.known.Registry, Format: b.known.Format, Action: b.known.Action, Precision: q.Precision, Limit: 1}
	if req.Action == Snapshot {
		req.Action = "A" // some records of a snapshot are none
	}
	if b.sheet == nil {
		var unfit int
		var err error
		if b.sheet, unfit, err = r.sheet(ctx, b.known, b.lines); err != nil {
			return nil, err
		}
		rep.Unfit += unfit
	}
	left, err := r.sieve(ctx, req, b)
	if rep.Left += left; err != nil || len(b.sheet.records) == 0 {
		return nil, err
	}
	kept := b.sheet.records
	payload, at := b.sheet.write()
	b.sheet = nil
	root, err := r.rootOf(ctx, b.known, t)
	if err != nil {
		return nil, err
	}
	req.Replay = &Replay{Origin: b.known.Segment, Root: root.Segment, SourceTime: root.SourceTime}
	for i, m := range kept {
		req.Replay.Refs = append(req.Replay.Refs, load.Replayed{Line: at[i], Until: at[i+1], Segment: m.ref.Segment,
			OriginLine: m.ref.Line, RootLine: t.root(place{req.Registry, m.ref}).Line})
	}
	req.Name = "replay-of-" + root.Name
	path := filepath.Join(dir, fmt.Sprintf("%s-%s-%d", b.known.Registry, b.known.Segment, kept[0].ref.Line))
	req.Paths = []string{path}
	return &req, os.WriteFile(path, payload, 0o600)
}

// sieve leaves out the records that nobody changed and that would be refused
// again, and says how many.
func (r *Runner) sieve(ctx context.Context, req Request, b *replayBatch) (left int, err error) {
	payload, at := b.sheet.write()
	refused, err := r.try(ctx, req, payload)
	if err != nil {
		return 0, err
	}
	slices.Sort(refused)
	kept := b.sheet.records[:0]
	for i, m := range b.sheet.records {
		n, _ := slices.BinarySearch(refused, at[i])
		again := n < len(refused) && refused[n] < at[i+1]
		if b.known.Format == formatFHIR { // records of one line go together, as long as one of them passes
			again = n+int(at[i+1]-at[i]) <= len(refused) && refused[n+int(at[i+1]-at[i])-1] < at[i+1]
		}
		if again && (b.changed == nil || !b.changed[i]) {
			left++
			continue
		}
		kept = append(kept, m)
	}
	b.sheet.records = kept
	return left, nil
}

func (r *Runner) rootOf(ctx context.Context, k *Known, t *trails) (*Known, error) {
	x := t.of[place{k.Registry, Ref{k.Segment, 0}}]
	if x == nil {
		return k, nil
	}
	known, err := r.Ledger.List(ctx, 0)
	if err != nil {
		return nil, err
	}
	for i := range known {
		if known[i].Registry == k.Registry && known[i].Segment == x.root {
			return &known[i], nil
		}
	}
	return nil, fmt.Errorf("segment %s, where %s comes from, is not in the ledger: %w", x.root, k.Segment, dose.ErrNotFound)
}

// try maps a payload without keeping anything, and returns the lines of the
// records that would be refused.
func (r *Runner) try(ctx context.Context, req Request, payload []byte) (refused []int64, err error) {
	reader, err := r.open(bytes.NewReader(payload), req.Format, &Known{Name: "replay"})
	if err != nil {
		return nil, err
	}
	mapper, err := r.mapper(ctx, req)
	if err != nil {
		return nil, err
	}
	err = r.line(ctx, reader, mapper, func(m *mapped) error {
		defer m.events.Release()
		for _, x := range m.rejects {
			refused = append(refused, x.Line)
		}
		return nil
	})
	return refused, err
}
