package loadtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/dosebook/dosebook/load"
)

// expiring is a context that ends in the middle: after it was asked a number
// of times.
type expiring struct {
	context.Context
	done chan struct{}
	left atomic.Int64
}

func (c *expiring) Err() error {
	left := c.left.Add(-1)
	if left == 0 {
		close(c.done)
	}
	if left <= 0 {
		return context.Canceled
	}
	return nil
}

func (c *expiring) Done() <-chan struct{} {
	_ = c.Err()
	return c.done
}

// Random sets share a log: none sees the others, because registries and keys
// are their own, and a few calls do for all. A registry's sets share the files'
// times and actions.
const registries, setsPerRegistry = 7, 16

// random: any set of small payloads with few keys gives the same state and the
// same effects, however the ledger is cut into calls. 112 sets, and 448 with
// DOSEBOOK_TEST_LONG=1.
func (s suite) random(t *testing.T) {
	logs := 1
	if os.Getenv("DOSEBOOK_TEST_LONG") == "1" {
		logs = 4
	}
	for seed := range uint64(logs) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 42))
			l, rounds := randomLog(t, rng)
			s.cut(t, "one payload of each set at a time", l, kinds(l, rounds), true)
			s.cut(t, "cut anyhow, as the runner does", l, kinds(l, cuts(rng, l.Last())), true)
			s.cut(t, "cut anyhow", l, cuts(rng, l.Last()), false)
			s.cut(t, "rebuilt", l, []int64{l.Last()}, false)
		})
	}
}

// cut applies the log in calls that end at ends.
func (s suite) cut(t *testing.T, name string, l *Log, ends []int64, effects bool) {
	t.Run(name, func(t *testing.T) {
		w := s.store(t, l)
		var did []load.Effect
		for i, to := range ends {
			did = append(did, apply(t, w, l, to)...)
			if i%3 == 2 || to == l.Last() {
				same(t, w, l, to)
			}
		}
		if effects {
			sameEffects(t, l, did)
		}
	})
}

// cuts ends calls at random entries, always at the last.
func cuts(rng *rand.Rand, last int64) []int64 {
	var ends []int64
	for at := int64(0); at < last; {
		at = min(last, at+1+rng.Int64N(last/4+1))
		ends = append(ends, at)
	}
	return ends
}

// kinds cuts also where retimes follow segments: what a segment did is said
// with the times known when its call ended.
func kinds(l *Log, ends []int64) []int64 {
	var out []int64
	for i, at := 0, int64(1); at <= l.Last(); at++ {
		turn := at < l.Last() && l.entries[at-1].Retime != l.entries[at].Retime
		if at == ends[i] {
			i++
			out = append(out, at)
		} else if turn {
			out = append(out, at)
		}
	}
	return out
}

// randomLog makes a log of random sets, their entries one round after the other,
// and says where rounds end.
func randomLog(t *testing.T, rng *rand.Rand) (l *Log, rounds []int64) {
	l = NewLog(filepath.Join(t.TempDir(), "lake"))
	own := make([][]int64, registries)
	for range 5 {
		for i := range own {
			registry := fmt.Sprintf("REG%d", i)
			switch {
			case len(own[i]) > 1 && rng.IntN(4) == 0:
				retime(rng, l, own[i][rng.IntN(len(own[i]))])
			case rng.IntN(5) > 0:
				action := string("AAUD"[rng.IntN(4)])
				var rows []Row
				for set := range setsPerRegistry {
					rows = append(rows, randomRows(rng, action, fmt.Sprint(set))...)
				}
				e := l.Add(t, registry, action, 1+rng.Int64N(5), rows...)
				own[i] = append(own[i], e.Seq)
			}
		}
		rounds = append(rounds, l.Last())
	}
	return l, rounds
}

// retime makes a segment one step older than is known.
func retime(rng *rand.Rand, l *Log, seq int64) {
	for _, e := range l.Known(l.Last()) {
		if e.Seq == seq {
			l.Retime(seq, e.SourceTime-l.From-1-rng.Int64N(2))
		}
	}
}

// vaccines by id: no two ids share a CVX, so none are one dose.
var vaccines = [4][]int32{{208, 208, 217}, {207, 207, 221}, {300, 300, 212}, {229, 211, 998}}

// randomRows makes few keys, few people, few dates around the borders of the
// series rule, and few contents: most rows collide with something.
func randomRows(rng *rand.Rand, action, set string) []Row {
	rows := make([]Row, rng.IntN(5))
	for i := range rows {
		id := rng.IntN(4)
		r := e(set+"."+fmt.Sprint(id), of(set+[]string{"p", "q", "p", "q"}[id]), on([]int32{0, 0, 16, 17, 23, 24, 41}[rng.IntN(7)]),
			cvx(vaccines[id][rng.IntN(3)]))
		switch rng.IntN(20) {
		case 0:
			r.NoDose = []string{"PA", "NA"}[rng.IntN(2)]
		case 1:
			r.Refused = true
		case 2:
			r.Recip = []string{"", set + "p", set + "q"}[rng.IntN(3)]
		case 3:
			r.Sent = 1 + rng.Int64N(5)
		case 4:
			r.County, r.City, r.Given = "06037", "pasadena", ""
		case 5:
			r.County, r.Given = "OOS", "06075"
		}
		r.Tombstone = action == "D" && rng.IntN(10) > 0 || rng.IntN(8) == 0
		if r.Tombstone && rng.IntN(2) == 0 {
			r = Row{ID: r.ID, Tombstone: true}
		}
		rows[i] = r
	}
	return rows
}
