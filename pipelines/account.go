package pipelines

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// Account says what became of every record of a registry that was received:
// Received = Current + Duplicates + Superseded + Tombstoned + Open + Closed +
// Pending, and Lost is what is missing of it. A replayed record was received
// twice: once it was refused (closed), once it is what became of it. Payloads
// that came again under other names count once.
type Account struct {
	Registry   string `json:"registry"`
	Received   int64  `json:"received"`
	Current    int64  `json:"current"`
	Duplicates int64  `json:"duplicates"`
	Superseded int64  `json:"superseded"`
	Tombstoned int64  `json:"tombstoned"`
	Open       int64  `json:"open_rejects"`
	Closed     int64  `json:"closed_rejects"`
	Pending    int64  `json:"pending"` // events that the warehouse has not applied yet
	Lost       int64  `json:"lost"`    // must be 0
}

func (a *Account) add(o Account) {
	a.Received, a.Current, a.Duplicates = a.Received+o.Received, a.Current+o.Current, a.Duplicates+o.Duplicates
	a.Superseded, a.Tombstoned = a.Superseded+o.Superseded, a.Tombstoned+o.Tombstoned
	a.Open, a.Closed, a.Pending, a.Lost = a.Open+o.Open, a.Closed+o.Closed, a.Pending+o.Pending, a.Lost+o.Lost
}

// AccountFor holds what the ledger received, up to its end, against how a
// warehouse at position at says that the rows of each segment stand, and
// against the reject files of the lake. It counts segment by segment, so that
// what one lost and another has too much does not cancel out. The last account
// is the sum. Call it under the lease.
func AccountFor(ctx context.Context, lake load.Lake, ledger *Ledger, at int64, rows map[int64]load.Standing) (_ []Account, bad []string, err error) {
	defer dose.Wrap(&err, "account")
	known, err := ledger.List(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	counts, bad, err := countRejects(ctx, lake, ledger, known)
	if err != nil {
		return nil, nil, err
	}
	sums, all := map[string]*Account{}, Account{Registry: "all"}
	for i := range known {
		k := &known[i]
		if !k.HoldsRecords() {
			continue
		}
		a := accountOf(k, at, rows[k.Seq], counts[k.Segment+"/"+k.Registry])
		delete(rows, k.Seq)
		if a.Lost != 0 {
			bad = append(bad, a.says(k))
		}
		if sums[k.Registry] == nil {
			sums[k.Registry] = &Account{Registry: k.Registry}
		}
		sums[k.Registry].add(a)
		all.add(a)
	}
	for seq, s := range rows {
		bad = append(bad, fmt.Sprintf("the warehouse has %d rows of ledger entry %d, which holds no records", s.Rows(), seq))
	}
	var out []Account
	for _, a := range sums {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Account) int { return strings.Compare(a.Registry, b.Registry) })
	return append(out, all), bad, nil
}

func accountOf(k *Known, at int64, s load.Standing, c rejectCount) Account {
	a := Account{Registry: k.Registry, Received: k.Records, Current: s.Current, Duplicates: s.Duplicates, Superseded: s.Superseded,
		Tombstoned: s.Tombstoned, Open: c.open(), Closed: c.replayed + c.givenUp}
	if k.Seq > at {
		a.Pending = k.Rows
	}
	a.Lost = a.Received - s.Rows() - a.Open - a.Closed - a.Pending
	return a
}

func (a *Account) says(k *Known) string {
	what := fmt.Sprintf("%d are nowhere", a.Lost)
	if a.Lost < 0 {
		what = fmt.Sprintf("%d too many", -a.Lost)
	}
	return fmt.Sprintf("segment %s/%s: of %d records received there are %d current, %d duplicates, %d superseded, %d tombstoned, %d open and %d closed rejects, %d pending: %s; 'dosebook warehouse rebuild' makes the warehouse anew",
		k.Registry, k.Segment, a.Received, a.Current, a.Duplicates, a.Superseded, a.Tombstoned, a.Open, a.Closed, a.Pending, what)
}

// rejectCount is how the rejects of one segment stand.
type rejectCount struct{ refused, replayed, givenUp int64 }

func (c rejectCount) open() int64 { return c.refused - c.replayed - c.givenUp }

// countRejects counts the rejects of each segment, by segment and registry, as
// the lake has them. It holds the replays against the rejects that they name:
// each names rejects of an earlier segment, and none is replayed twice; and so
// the closings.
func countRejects(ctx context.Context, lake load.Lake, ledger *Ledger, known []Known) (_ map[string]rejectCount, bad []string, err error) {
	t, err := ledger.trails(ctx, lake, "")
	if err != nil {
		return nil, []string{err.Error()}, nil // a damaged lake is what verify is to tell
	}
	counts := map[string]rejectCount{}
	named := map[place]bool{} // by replays and closings
	for p := range t.given {
		named[p] = true
	}
	for _, x := range t.of {
		if n := int64(len(x.refs)); n != x.lines {
			bad = append(bad, fmt.Sprintf("segment %s replays %d rejects, but the ledger says %d", x.segment, n, x.lines))
		}
		for _, r := range x.refs {
			p := place{x.registry, Ref{r.Segment, r.OriginLine}}
			if r.Segment != x.origin || t.to[p].segment != x.segment {
				bad = append(bad, fmt.Sprintf("segment %s replays %s, which is no reject, or was replayed before", x.segment, p.Ref))
			}
			named[p] = true
		}
	}
	for i := range known {
		k := &known[i]
		c, err := t.count(ctx, lake, k, named)
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}
		if c.refused != k.Rejects && c.refused > 0 { // a file that is missing is told as such
			bad = append(bad, fmt.Sprintf("segment %s/%s: the ledger says %d rejects, the lake holds %d", k.Registry, k.Segment, k.Rejects, c.refused))
		}
		counts[k.Segment+"/"+k.Registry] = c
	}
	for p := range named {
		bad = append(bad, fmt.Sprintf("%s of %s was replayed or closed, but is no reject", p.Ref, p.registry))
	}
	slices.Sort(bad)
	return counts, bad, nil
}

// count counts a segment's rejects and takes them out of named. Only where
// some are named it reads more than the file's own count.
func (t *trails) count(ctx context.Context, lake load.Lake, k *Known, named map[place]bool) (c rejectCount, err error) {
	if !k.HoldsRecords() {
		return c, nil
	}
	f, err := lake.Stored(k.Registry, k.Segment, load.RejectFile, []string{"line"})
	if err != nil {
		return c, err
	}
	c.refused = f.Rows()
	if err := f.Close(); err != nil || c.refused == 0 || !t.touched[k.Registry+"/"+k.Segment] {
		return c, err
	}
	err = lake.Rejects(ctx, k.Registry, k.Segment, false, func(r load.Refused) error {
		p := place{k.Registry, Ref{k.Segment, r.Line}}
		delete(named, p)
		if _, ok := t.to[p]; ok {
			c.replayed++
		} else if _, ok := t.given[p]; ok {
			c.givenUp++
		}
		return nil
	})
	return c, err
}
