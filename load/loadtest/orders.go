package loadtest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/load"
)

// Answers is a store that tells all that a release is made of.
type Answers interface {
	Store
	// Answers returns lines of text that hold no place: they depend on what was
	// reported, not on the ledger. A line begins with the registry of a set, or
	// with a blank where all sets come together.
	Answers(ctx context.Context) ([]string, error)
	// Reset empties the store, and has it follow another log of its lake.
	Reset(ctx context.Context, r Rules) error
}

// setsPerLog is how many sets share a log: each call costs the same for all.
const setsPerLog = 24

// orders holds that any interleaving of a set of payloads, applied one by one,
// in batches or at once, gives the same answers, and that they are the model's.
type orders struct {
	open  func(t *testing.T, lake load.Lake) Answers
	dir   string
	rules Rules
	sets  []Set
}

// TestOrders runs stressed sets through many orders of arrival and cuts: some
// 500 orders in 60 CPU seconds, fewer on a slow machine, or 10,000 with
// DOSEBOOK_TEST_LONG=1.
func TestOrders(t *testing.T, open func(t *testing.T, lake load.Lake) Answers) {
	seeds, limit := 3, 30*time.Second
	if testing.Short() {
		seeds = 1
	}
	if os.Getenv("DOSEBOOK_TEST_LONG") == "1" {
		seeds, limit = 60, time.Hour
	}
	begin := time.Now()
	n := 0
	for seed := range uint64(seeds) {
		if time.Since(begin) > limit {
			t.Logf("stopped after %d of %d seeds: the machine is slow", seed, seeds)
			break
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 77))
			o := &orders{open: open, dir: t.TempDir(), rules: defaults()}
			if seed%2 == 1 {
				o.rules = Rules{ComponentLimit: 4 + rng.IntN(6), ApartDays: []int{4, 14, 24}[rng.IntN(3)], SameDayOtherLot: []string{"same", "different", "review"}[rng.IntN(3)]}
			}
			for i := range setsPerLog {
				o.sets = append(o.sets, stressed(rng, fmt.Sprintf("R%dX%d", seed, i)))
			}
			n += o.run(t, rng)
		})
	}
	t.Logf("%d orders in %.0f s", n, time.Since(begin).Seconds())
}

// log enters the sets' payloads, one of each set in turn, and says where the
// rounds end.
func (o *orders) log(t *testing.T, sets []Set) (l *Log, rounds []int64) {
	t.Helper()
	l = NewLog(filepath.Join(o.dir, "lake"))
	l.Rules = o.rules
	for i := 0; ; i++ {
		for _, s := range sets {
			if i < len(s) {
				l.Enter(t, s[i])
			}
		}
		if n := len(rounds); n > 0 && l.Last() == rounds[n-1] {
			return l, rounds
		}
		rounds = append(rounds, l.Last())
	}
}

// way is one way to apply a log.
type way struct {
	name string
	log  *Log
	ends []int64
}

// ways are the cuts of a log of the sets, and of logs in other orders.
func (o *orders) ways(t *testing.T, rng *rand.Rand, sets []Set) []way {
	l, rounds := o.log(t, sets)
	out := []way{{"at once", l, []int64{l.Last()}}, {"one by one", l, rounds}, {"in batches", l, cuts(rng, l.Last())}}
	for i := range 4 {
		other := make([]Set, len(sets))
		for k, s := range sets {
			other[k] = s.shuffle(rng)
		}
		l, rounds := o.log(t, other)
		w := way{fmt.Sprint("in order ", i), l, rounds}
		switch i {
		case 1:
			w.ends = cuts(rng, l.Last())
		case 3:
			w.ends = []int64{l.Last()}
		}
		out = append(out, w)
	}
	return out
}

func (o *orders) run(t *testing.T, rng *rand.Rand) int {
	w := o.open(t, load.Lake{Dir: filepath.Join(o.dir, "lake")})
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	ways := o.ways(t, rng, o.sets)
	bad := o.compare(t, w, ways)
	shown := 0
	for _, s := range o.sets {
		what, differs := bad[registryOf(s)]
		if !differs || shown == 3 {
			continue
		}
		shown++
		small := o.minimise(t, w, s)
		t.Errorf("%s\nin %s\n%s", what, registryOf(s), small.show())
	}
	if shown == 0 && len(bad) > 0 {
		t.Errorf("the answers differ: %v", bad)
	}
	return len(ways) * len(o.sets)
}

// registryOf is what the names of a set's registries begin with.
func registryOf(s Set) string { return strings.TrimRight(s[0].Registry, "AB") }

// compare applies all ways and says, by set, where answers differ from the
// model's, or from those of the first way.
func (o *orders) compare(t *testing.T, w Answers, ways []way) map[string]string {
	t.Helper()
	bad := map[string]string{}
	var first []string
	for i, way := range ways {
		if err := w.Reset(t.Context(), o.rules); err != nil {
			t.Fatal(err)
		}
		for _, to := range way.ends {
			apply(t, w, way.log, to)
		}
		o.model(t, w, way, bad)
		got, err := w.Answers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if i == 0 {
			first = got
			continue
		}
		only(way.name, got, first, bad)
	}
	return bad
}

// model compares with what the maps say.
func (o *orders) model(t *testing.T, w Answers, way way, bad map[string]string) {
	t.Helper()
	got, err := w.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := func(all []Version) (out []string) {
		for _, v := range all {
			out = append(out, fmt.Sprintf("%s %+v", v.Registry, v))
		}
		slices.Sort(out)
		return out
	}
	only("the model, "+way.name, text(got), text(way.log.Expect(way.log.Last())), bad)
	if broken, err := w.Check(t.Context()); err != nil || len(broken) > 0 {
		t.Errorf("%s: invariants broken: %v, %v", way.name, broken, err)
	}
}

// only enters the first line of each set that one side alone has.
func only(name string, got, want []string, bad map[string]string) {
	note := func(side string, lines, others []string) {
		at := map[string]int{}
		for _, l := range others {
			at[l]++
		}
		for _, l := range lines {
			if at[l]--; at[l] < 0 {
				set, _, _ := strings.Cut(l, " ")
				set = strings.TrimRight(set, "AB")
				if strings.Count(bad[set], "\n") < 6 {
					bad[set] += fmt.Sprintf("%s %s: %s\n", name, side, l)
				}
			}
		}
	}
	note("got ", got, want)
	note("want", want, got)
}

// minimise drops payloads, then rows, as long as the set still fails.
func (o *orders) minimise(t *testing.T, w Answers, s Set) Set {
	fails := func(s Set) bool {
		if len(s) == 0 {
			return false
		}
		named := make(Set, len(s))
		names := map[string]string{}
		for i, p := range s { // another content is another segment
			names[p.Name] = p.Name + fmt.Sprint("-", digest(p))
			p.Name = names[p.Name]
			if p.Retime != "" {
				if p.Retime = names[p.Retime]; p.Retime == "" {
					return false
				}
			}
			named[i] = p
		}
		return len(o.compare(t, w, o.ways(t, rand.New(rand.NewPCG(1, 2)), []Set{named}))) > 0
	}
	if !fails(s) {
		return s // it takes the others' company
	}
	for again, end := true, time.Now().Add(time.Minute); again && time.Now().Before(end); {
		again = false
		for i := len(s) - 1; i >= 0; i-- {
			if less := slices.Delete(slices.Clone(s), i, i+1); fails(less) {
				s, again = less, true
			}
		}
		for i := range s {
			for k := len(s[i].Rows) - 1; k >= 0; k-- {
				less := slices.Clone(s)
				less[i].Rows = slices.Delete(slices.Clone(s[i].Rows), k, k+1)
				if fails(less) {
					s, again = less, true
				}
			}
			for k := len(s[i].Links) - 1; k >= 0; k-- {
				less := slices.Clone(s)
				less[i].Links = slices.Delete(slices.Clone(s[i].Links), k, k+1)
				if fails(less) {
					s, again = less, true
				}
			}
		}
	}
	return s
}

func digest(p Payload) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%+v", p)
	return h.Sum64()
}
