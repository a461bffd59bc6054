package pipelines

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// mended gathers the records of a corrected file by the segment whose rejects
// they mend. A file that names anything that is no reject is refused whole.
func (r *Runner) mended(ctx context.Context, q ReplayRequest, t *trails, known []Known, rep *ReplayReport) ([]*replayBatch, error) {
	text, err := os.ReadFile(q.File)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	s, err := readMended(text, filepath.Base(q.File))
	if err != nil {
		return nil, err
	}
	states, err := r.states(ctx, t, known, q.Registry)
	if err != nil {
		return nil, err
	}
	by := map[*Known]*replayBatch{}
	for _, m := range s.records {
		k, err := segmentOf(known, q.Registry, m.ref)
		if err != nil {
			return nil, err
		}
		if k.Format != s.format {
			return nil, fmt.Errorf("%s was refused from a file in %s, not %s: %w", m.ref, k.Format, s.format, dose.ErrInvalid)
		}
		if _, ok := states[place{k.Registry, m.ref}]; !ok {
			return nil, fmt.Errorf("%s is no reject of %s; nothing was replayed: %w", m.ref, k.Registry, dose.ErrInvalid)
		}
		ref, waits := now(place{k.Registry, m.ref}, t, states)
		if !waits {
			rep.Settled++
			continue
		}
		if k, err = segmentOf(known, k.Registry, ref); err != nil {
			return nil, err
		}
		if by[k] == nil {
			by[k] = &replayBatch{known: k, sheet: &sheet{format: s.format, header: s.header}}
		}
		rep.Selected++
		by[k].lines = append(by[k].lines, ref.Line)
		by[k].sheet.records = append(by[k].sheet.records, mend{ref, m.text})
	}
	var out []*replayBatch
	for i := range known {
		if b := by[&known[i]]; b != nil {
			if err := r.compare(ctx, b); err != nil {
				return nil, err
			}
			out = append(out, b)
		}
	}
	return out, nil
}

// states are all rejects: whether each still waits. One that was given up is
// to be opened again first.
func (r *Runner) states(ctx context.Context, t *trails, known []Known, registry string) (map[place]bool, error) {
	out := map[place]bool{}
	err := rejects(ctx, r.Lake, t, known, Filter{Registry: registry}, func(x *Reject) error {
		out[place{x.Known.Registry, x.Ref()}] = x.waits()
		return nil
	})
	return out, err
}

// segmentOf finds the segment that a reference names.
func segmentOf(known []Known, registry string, ref Ref) (*Known, error) {
	var found *Known
	for i := range known {
		k := &known[i]
		if k.Segment != ref.Segment || registry != "" && k.Registry != registry {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s and %s both have a segment %s: name one with --registry: %w", found.Registry, k.Registry, ref.Segment, dose.ErrInvalid)
		}
		found = k
	}
	if found == nil {
		return nil, fmt.Errorf("segment %s is not in the ledger; nothing was replayed: %w", ref.Segment, dose.ErrInvalid)
	}
	return found, nil
}

// now follows a reject through its replays to the one that waits today: the
// file may be older than the last replay. Where a record became several
// rejects, the first that waits is meant.
func now(p place, t *trails, states map[place]bool) (Ref, bool) {
	if states[p] {
		return p.Ref, true
	}
	s, ok := t.to[p]
	if !ok {
		return p.Ref, false
	}
	for line := s.line; line < s.until; line++ {
		next := place{p.registry, Ref{s.segment, line}}
		if _, refused := states[next]; !refused {
			continue
		}
		if ref, waits := now(next, t, states); waits {
			return ref, true
		}
	}
	return p.Ref, false
}

// compare says which records of a corrected file differ from what was refused,
// and puts all in the order of their lines.
func (r *Runner) compare(ctx context.Context, b *replayBatch) error {
	slices.SortStableFunc(b.sheet.records, func(x, y mend) int { return int(x.ref.Line - y.ref.Line) })
	if b.known.Format == formatFHIR {
		return r.compareFHIR(ctx, b)
	}
	header, records, err := r.records(ctx, b.known, b.lines)
	if err != nil {
		return err
	}
	same := b.known.Format != "cvrs" || bytes.Equal(bytes.TrimPrefix(bare("cvrs", header, header), []byte("\xef\xbb\xbf")), b.sheet.header)
	for _, m := range b.sheet.records {
		was := bare(b.known.Format, header, records[m.ref.Line])
		b.changed = append(b.changed, !same || !bytes.Equal(sameEnds(was), sameEnds(m.text)))
	}
	return nil
}

// sameEnds writes all line ends as CR: an editor may change those of HL7.
func sameEnds(text []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\r")), []byte("\n"), []byte("\r"))
}
