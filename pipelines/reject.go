package pipelines

import (
	"context"
	"database/sql"
	"slices"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// Reject is a refused record, as it stands now.
type Reject struct {
	Known  *Known // the segment that refused it
	State  string // dose.RejectOpen, …
	Became Ref    // of a replayed one: segment and line of its replay
	Again  bool   // of a replayed one: it was refused again there
	Given  Given  // of one that was given up
	load.Refused
}

// Ref names the reject within its registry.
func (x *Reject) Ref() Ref { return Ref{x.Known.Segment, x.Line} }

// Filter says which rejects are meant; empty fields mean all.
type Filter struct {
	Registry, Segment, Code, Sender string
	State                           string // dose.RejectOpen, …, or Waiting
	Line                            int64
	Records                         bool // read their text too
}

// Waiting, as the state of a Filter, is every reject that is not closed.
const Waiting = "waiting"

// waits says whether something is still to be done: it was neither replayed
// nor given up.
func (x *Reject) waits() bool { return x.State != dose.RejectReplayed && x.State != dose.RejectGivenUp }

func (f *Filter) holds(x *Reject) bool {
	return (f.Code == "" || f.Code == x.Code) && (f.Sender == "" || f.Sender == x.Sender) && (f.Line == 0 || f.Line == x.Line) &&
		(f.State == "" || f.State == x.State || f.State == Waiting && x.waits())
}

// replay is one replay that the ledger holds.
type replay struct {
	registry, segment, origin, root string
	lines                           int64
	refs                            []load.Replayed // by line
}

// trails are all replays and closings: what became of a reject, and where it
// came from.
type trails struct {
	to      map[place]step
	of      map[place]*replay // by segment; the line is 0
	given   map[place]Given   // the rejects that are given up as it stands
	touched map[string]bool   // REGISTRY/SEGMENT of the rejects that these name
}

type place struct {
	registry string
	Ref
}

// step leads to the lines of a replay's record.
type step struct {
	segment     string
	line, until int64
}

func (l *Ledger) replays(ctx context.Context) (out []replay, err error) {
	defer dose.Wrap(&err, "ledger: replays")
	err = l.each(ctx, "reject_replays", func(rows *sql.Rows) error {
		var x replay
		err := rows.Scan(&x.registry, &x.segment, &x.origin, &x.root, &x.lines)
		out = append(out, x)
		return err
	})
	return out, err
}

// trails reads what every replay of a registry (empty: of all) took up.
func (l *Ledger) trails(ctx context.Context, lake load.Lake, registry string) (*trails, error) {
	all, err := l.replays(ctx)
	if err != nil {
		return nil, err
	}
	t := &trails{to: map[place]step{}, of: map[place]*replay{}, given: map[place]Given{}, touched: map[string]bool{}}
	for i := range all {
		x := &all[i]
		if registry != "" && registry != x.registry {
			continue
		}
		t.of[place{x.registry, Ref{x.segment, 0}}] = x
		t.touched[x.registry+"/"+x.origin] = true
		err := lake.Replays(ctx, x.registry, x.segment, func(r load.Replayed) error {
			t.to[place{x.registry, Ref{r.Segment, r.OriginLine}}] = step{x.segment, r.Line, r.Until}
			x.refs = append(x.refs, r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return t, l.closings(ctx, lake, registry, t)
}

// root returns where a reject's record was first refused.
func (t *trails) root(p place) Ref {
	x := t.of[place{p.registry, Ref{p.Segment, 0}}]
	if x == nil {
		return p.Ref
	}
	i, found := slices.BinarySearchFunc(x.refs, p.Line, func(r load.Replayed, line int64) int {
		switch {
		case r.Until <= line:
			return -1
		case r.Line > line:
			return 1
		}
		return 0
	})
	if !found {
		return Ref{x.root, p.Line} // a header's line; no record has it
	}
	return Ref{x.root, x.refs[i].RootLine}
}

// Rejects calls each with every reject that the filter holds, in the order of
// the ledger and of the lines.
func (l *Ledger) Rejects(ctx context.Context, lake load.Lake, f Filter, each func(*Reject) error) error {
	t, err := l.trails(ctx, lake, f.Registry)
	if err != nil {
		return err
	}
	known, err := l.List(ctx, 0)
	if err != nil {
		return err
	}
	return rejects(ctx, lake, t, known, f, each)
}

func rejects(ctx context.Context, lake load.Lake, t *trails, known []Known, f Filter, each func(*Reject) error) error {
	again := refusedAgain(ctx, lake, known)
	for i := range known {
		k := &known[i]
		if k.Rejects == 0 || f.Registry != "" && f.Registry != k.Registry || f.Segment != "" && f.Segment != k.Segment {
			continue
		}
		err := lake.Rejects(ctx, k.Registry, k.Segment, f.Records, func(r load.Refused) error {
			x := Reject{Known: k, State: stateOf(r.Code), Refused: r}
			p := place{k.Registry, x.Ref()}
			if s, ok := t.to[p]; ok {
				x.State, x.Became = dose.RejectReplayed, Ref{s.segment, s.line}
				var err error
				if x.Again, err = again(k.Registry, s); err != nil {
					return err
				}
			} else if x.Given, ok = t.given[p]; ok {
				x.State = dose.RejectGivenUp
			}
			if !f.holds(&x) {
				return nil
			}
			return each(&x)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// refusedAgain returns what says whether a replayed record was refused there.
// It reads each replay's rejects once, when they are first asked for.
func refusedAgain(ctx context.Context, lake load.Lake, known []Known) func(registry string, s step) (bool, error) {
	refused := map[string]bool{}
	for i := range known {
		if k := &known[i]; k.Rejects > 0 {
			refused[k.Registry+"/"+k.Segment] = true
		}
	}
	lines := map[string][]int64{}
	return func(registry string, s step) (bool, error) {
		key := registry + "/" + s.segment
		if !refused[key] {
			return false, nil
		}
		if _, ok := lines[key]; !ok {
			err := lake.Rejects(ctx, registry, s.segment, false, func(r load.Refused) error {
				lines[key] = append(lines[key], r.Line)
				return nil
			})
			if err != nil {
				return false, err
			}
			slices.Sort(lines[key])
		}
		i, _ := slices.BinarySearch(lines[key], s.line)
		return i < len(lines[key]) && lines[key][i] < s.until, nil
	}
}

// stateOf is the state of a reject that was not replayed.
func stateOf(code string) string {
	for _, c := range dose.Checks() {
		if c.Quarantines() && c.Rule().Code == code {
			return dose.RejectQuarantined
		}
	}
	return dose.RejectOpen
}

// Waiting counts the records of a sender that wait for it to be cleared.
func (l *Ledger) Waiting(ctx context.Context, lake load.Lake, registry, sender string) (n int, err error) {
	err = l.Rejects(ctx, lake, Filter{Registry: registry, Sender: sender, State: dose.RejectQuarantined}, func(*Reject) error {
		n++
		return nil
	})
	return n, err
}
