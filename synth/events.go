package synth

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

// EventsFile stands beside truth.json: for each current event, refusals too,
// which person and which dose it truly is, by person. Columns, with tabs
// between: registry, vax_event_id, person, dose, recip_id, marks.
const EventsFile = "truth_events.tsv"

const eventsHeader = "registry\tvax_event_id\tperson\tdose\trecip_id\tmarks\n"

// crosswalkHeader is that of a feed of moved ids: entity is event, recipient
// or organisation (the last by sender_id).
const crosswalkHeader = "entity,old_registry,old_id,new_registry,new_id\n"

// teller writes the lines of one block of households.
type teller struct {
	plan    *plan
	format  *cvrs
	fam     family
	reports []report
	records []record
	doses   []held
	one     []held

	events  []byte
	walk    [][]byte // by registry that the ids move from
	sites   []map[string]string
	marks   [allMarks]int
	seconds int
}

func (p *plan) newTeller() *teller {
	return &teller{plan: p, format: newCVRS(p.world), walk: make([][]byte, len(p.world.names)), sites: make([]map[string]string, len(p.world.names))}
}

// tell makes the lines of a run of households.
func (t *teller) tell(from, to int) {
	t.events = t.events[:0]
	for i := range t.walk {
		t.walk[i] = t.walk[i][:0]
	}
	for n := from; n < to; n++ {
		most := math.MaxInt
		if n == t.plan.households-1 {
			most = t.plan.cut
		}
		t.fam.load(t.plan.world, n, most)
		for m := range t.fam.size {
			t.person(m)
		}
	}
}

func (t *teller) person(m int) {
	w, who := t.plan.world, &t.fam.people[m]
	t.reports = t.plan.reports(&t.fam, m, t.reports)
	t.records, t.doses = t.records[:0], t.doses[:0]
	for i := range t.reports {
		r := &t.reports[i]
		t.seconds += int(r.copy)
		if !r.chain.current {
			continue
		}
		record := w.record(&t.fam.household, who, r.given, r.copy, added, r.chain.corrected)
		t.records = append(t.records, record)
		if !r.given.refused {
			t.doses = append(t.doses, record.held())
		}
	}
	undecided := false
	if len(t.doses) > 0 {
		var ok bool
		t.one, ok = decide(t.one[:0], t.doses)
		undecided = !ok
	}
	for i := range t.records {
		if r := &t.records[i]; undecided && !r.given.refused {
			r.marks |= markUndecided
		}
		t.line(&t.records[i])
	}
	if who.ties.crosswalk {
		t.moved()
	}
}

// line appends an event to truth_events.tsv.
func (t *teller) line(r *record) {
	b := append(append(t.events, t.plan.world.names[r.registry]...), '\t')
	b = number(b, t.format.letters[r.letter], r.event)
	b = append(strconv.AppendUint(b, r.person.number+1, 10), '\t')
	b = append(strconv.AppendUint(b, eventKey(r.person, r.given)+1, 10), '\t')
	b = number(b, "P", r.recip)
	for m := r.marks; m != 0; m &= m - 1 {
		at := bits.TrailingZeros16(uint16(m))
		t.marks[at]++
		if m != r.marks {
			b = append(b, ',')
		}
		b = append(b, causes[at]...)
	}
	t.events = append(b, '\n')
}

// moved lists a person's ids that move to registry 0: those of the other
// registry, the person's own first, and of the doses that both know now.
func (t *teller) moved() {
	var own, other *record
	for i := range t.records {
		switch r := &t.records[i]; {
		case r.id == otherID && other == nil:
			other = r
		case r.id != otherID && own == nil:
			own = r
		}
	}
	if own == nil || other == nil {
		return
	}
	t.walked("recipient", own, other)
	for i := range t.records {
		for k := range t.records[i+1:] {
			a, b := &t.records[i], &t.records[i+1+k]
			if eventKey(a.person, a.given) != eventKey(b.person, b.given) {
				continue
			}
			t.walked("event", a, b)
			if a.sender != nil && a.sender == b.sender {
				t.walked("organisation", a, b)
			}
		}
	}
}

// walked appends a line to the crosswalk, from the record of another registry
// to that of registry 0.
func (t *teller) walked(entity string, a, b *record) {
	if a.registry == 0 {
		a, b = b, a
	}
	from, to := t.ident(entity, a), t.ident(entity, b)
	if entity == "organisation" {
		if t.sites[a.registry] == nil {
			t.sites[a.registry] = make(map[string]string)
		}
		t.sites[a.registry][from] = to
		return
	}
	t.walk[a.registry] = t.crossed(t.walk[a.registry], entity, a.registry, from, to)
}

func (t *teller) crossed(b []byte, entity string, registry int, from, to string) []byte {
	names := t.plan.world.names
	return fmt.Appendf(b, "%s,%s,%s,%s,%s\n", entity, names[registry], from, names[0], to)
}

// ident is the record's id of that kind.
func (t *teller) ident(entity string, r *record) string {
	var b []byte
	switch entity {
	case "event":
		b = number(nil, t.format.letters[r.letter], r.event)
	case "recipient":
		b = number(nil, "P", r.recip)
	default:
		return string(appendSender(nil, t.plan.world.names[r.registry], r.sender))
	}
	return string(b[:len(b)-1])
}

// tellAll writes truth_events.tsv and the crosswalks, and completes the truth.
// Blocks of households are worked side by side and written in order.
func (p *plan) tellAll(ctx context.Context, dir string, out *OverlapTruth) error {
	tellers := make([]*teller, runtime.GOMAXPROCS(0))
	for i := range tellers {
		tellers[i] = p.newTeller()
	}
	walks := &crosswalks{dir: dir, plan: p, files: make([]*os.File, len(p.world.names))}
	defer walks.close()
	err := whole(filepath.Join(dir, EventsFile), func(f *bufio.Writer) error {
		f.WriteString(eventsHeader) // an error comes back on Flush
		for from := 0; from < p.households; from += block * len(tellers) {
			if err := ctx.Err(); err != nil {
				return err
			}
			var wg sync.WaitGroup
			for i, t := range tellers {
				start := min(from+i*block, p.households)
				wg.Go(func() { t.tell(start, min(start+block, p.households)) })
			}
			wg.Wait()
			for _, t := range tellers {
				f.Write(t.events)
				if err := walks.write(t.walk); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	out.Events = EventsFile
	for _, t := range tellers {
		out.SecondReports += t.seconds
		for i, n := range t.marks {
			if n > 0 {
				out.Marks[causes[i]] += n
			}
		}
	}
	out.Crosswalks, err = walks.finish(tellers)
	return err
}

// crosswalks are the files crosswalk.csv, one for each registry whose ids
// move.
type crosswalks struct {
	dir   string
	plan  *plan
	files []*os.File
}

// crosswalkFolder holds the crosswalks beside the registries.
const crosswalkFolder = "crosswalk"

func (c *crosswalks) path(registry int) string {
	return path.Join(crosswalkFolder, c.plan.world.names[registry]+"_to_"+c.plan.world.names[0], "crosswalk.csv")
}

func (c *crosswalks) write(lines [][]byte) (err error) {
	for i, b := range lines {
		if len(b) == 0 {
			continue
		}
		if c.files[i] == nil {
			if err := c.open(i); err != nil {
				return err
			}
		}
		if _, err := c.files[i].Write(b); err != nil {
			return err
		}
	}
	return nil
}

func (c *crosswalks) open(registry int) (err error) {
	name := filepath.Join(c.dir, filepath.FromSlash(c.path(registry)))
	if err = os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if c.files[registry], err = os.Create(name + ".part"); err != nil {
		return err
	}
	_, err = c.files[registry].WriteString(crosswalkHeader)
	return err
}

// finish appends the organisations, by id, and gives the files their names.
func (c *crosswalks) finish(tellers []*teller) (paths []string, err error) {
	paths = []string{}
	for i, f := range c.files {
		if f == nil {
			continue
		}
		sites := make(map[string]string)
		for _, t := range tellers {
			maps.Copy(sites, t.sites[i])
		}
		var b []byte
		for _, from := range slices.Sorted(maps.Keys(sites)) {
			b = tellers[0].crossed(b, "organisation", i, from, sites[from])
		}
		if _, err := f.Write(b); err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
		c.files[i] = nil
		if err := os.Rename(f.Name(), f.Name()[:len(f.Name())-len(".part")]); err != nil {
			return nil, err
		}
		paths = append(paths, c.path(i))
	}
	return paths, nil
}

// close gives up files that were not finished.
func (c *crosswalks) close() {
	for _, f := range c.files {
		if f != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}
}
