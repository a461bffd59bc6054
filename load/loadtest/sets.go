package loadtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// Set is payloads in the order in which they came. It has registries, people
// and ids of its own, so that sets in one log don't meet.
type Set []Payload

// stressed makes a set in which most things meet something else: few names,
// addresses, phones and mail addresses, so that chains of persons form and
// break; few days, lots and sites; ids that move, also in circles; snapshots;
// a steward's words, taken back; times that tie and that turn out earlier.
func stressed(rng *rand.Rand, name string) Set {
	g := &stress{Rand: rng, name: name, recips: 3 + rng.IntN(6), streets: 1 + rng.IntN(3), base: day0, seen: map[string][]ID{}, said: map[string][]ID{}}
	if rng.IntN(4) == 0 {
		g.recips, g.streets = 12+rng.IntN(20), 4+rng.IntN(6) // long chains
	}
	if rng.IntN(3) == 0 {
		g.base += 950 // the days of updated vaccines
	}
	var set Set
	for i := range 6 + rng.IntN(4) {
		p := g.payload(set)
		p.Name = fmt.Sprint(name, i)
		set = append(set, p)
	}
	return set
}

type stress struct {
	*rand.Rand
	name            string
	recips, streets int
	base            int32
	seen, said      map[string][]ID // event, recipient
}

func pick[T any](g *stress, of ...T) T { return of[g.IntN(len(of))] }

const day int64 = 86_400_000_000

func (g *stress) time() int64 { return (day0 + 10*g.Int64N(12)) * day }

func (g *stress) registry() string { return g.name + pick(g, "A", "A", "B") }

func (g *stress) payload(before Set) Payload {
	p := Payload{Registry: g.registry(), Action: "A", Time: g.time() + g.Int64N(10)*pick(g, 0, day, day, day)}
	switch n := g.IntN(20); {
	case len(before) == 0:
	case n < 2:
		of := before[g.IntN(len(before))]
		if of.Retime == "" {
			p.Retime, p.Time = of.Name, of.Time-day-g.Int64N(60)*day
			return p
		}
	case n < 6:
		p.Format = load.Crosswalk
		for range 1 + g.IntN(4) {
			entity := pick(g, "event", "event", "recipient", "organisation")
			p.Links = append(p.Links, Link{Entity: entity, A: g.id(entity), B: g.id(entity)})
		}
	case n < 10:
		p.Format = load.Decision
		for range 1 + g.IntN(5) {
			entity := pick(g, "dose", "dose", "person")
			p.Links = append(p.Links, Link{entity, g.id(entity), g.id(entity), pick(g, "same", "same", "different", "different", "open")})
		}
	case n < 11:
		if p.Action = "A"; g.IntN(2) == 0 {
			p.Action = "S"
		}
	default:
		p.Action = pick(g, "A", "A", "A", "A", "U", "D")
	}
	if p.Format != "" {
		p.Links = slices.DeleteFunc(p.Links, func(k Link) bool { return k.A == k.B })
		return p
	}
	rows := 1 + g.IntN(pick(g, 4, 8, 16))
	if len(before) == 0 {
		rows = g.recips + g.IntN(g.recips)
	}
	for range rows {
		r := g.row(p.Action)
		p.Rows = append(p.Rows, r)
		g.seen["event"] = append(g.seen["event"], ID{p.Registry, r.ID})
		if r.Recip != "" {
			g.seen["recipient"] = append(g.seen["recipient"], ID{p.Registry, r.Recip})
		}
	}
	return p
}

// id is that of one of the set's events or recipients: mostly one that was
// reported, often one that a crosswalk or a steward spoke of already.
func (g *stress) id(entity string) (id ID) {
	kind := map[string]string{"dose": "event", "person": "recipient", "organisation": "event"}[entity]
	if kind == "" {
		kind = entity
	}
	known := g.seen[kind]
	if n := g.IntN(8); n < 3 && len(g.said[kind]) > 0 {
		known = g.said[kind]
	} else if n == 7 {
		known = nil
	}
	switch {
	case len(known) > 0:
		id = known[g.IntN(len(known))]
	case kind == "event":
		id = ID{g.registry(), g.event()}
	default:
		id = ID{g.registry(), g.recip()}
	}
	g.said[kind] = append(g.said[kind], id)
	return id
}

func (g *stress) event() string { return fmt.Sprint("e", g.few()) }
func (g *stress) recip() string { return fmt.Sprint("r", g.few()) }

// few numbers ids so that half of what is said is said of the same three.
func (g *stress) few() int { return g.IntN(pick(g, 3, g.recips)) }

// street makes streets of which only neighbours are similar: a chain.
func (g *stress) street() string {
	n := g.IntN(2 * g.streets)
	a, b := string(rune('A'+n/2)), string(rune('A'+(n+1)/2))
	return strings.Repeat(a, 4) + strings.Repeat(b, 4)
}

func (g *stress) row(action string) Row {
	r := Row{ID: g.event(), Recip: g.recip(), Day: g.base + pick[int32](g, 0, 0, 0, 1, 3, 13, 14, 17, 20, 21, 23, 24, 28, 45),
		CVX: pick[int32](g, 208, 208, 208, 217, 207, 213, 211, 212, 309, 309, 300, 998, 140, 7777), County: pick(g, "06001", "06037", "OOS", "UNK"), Given: pick(g, "06001", "06075", ""),
		Name: g.name + pick(g, "ANN", "ANN", "ANN", "ANN", "ANN", "BOB"), Lot: pick(g, "L1", "L1", "L2", "-"), Site: pick(g, "S1", "S1", "S2", "-"), Past: pick(g, "Y", "N", "N", ""),
		Text: map[string]string{"recip_address_zip": pick(g, "94601", "94601", "94601", "94602", "", "00000")}}
	set := func(column string, values ...string) {
		if v := pick(g, values...); v != "" {
			r.Text[column] = v
		}
	}
	set("recip_address_street", g.street(), g.street(), g.street(), g.street(), "", "UNKNOWN")
	set("recip_phone", "", "", "", "", "", "(916) 222-0101", "19162220102", "9162220101", "9999999999", "123")
	set("recip_email", "", "", "", "", "", "a@b.org", "A@b.org ", "none@b.org", "c@d.org")
	set("dose_num", "1", "2", "")
	set("recip_age_group", "18-49", "65+", "")
	r.Text["vaccine_type"] = dose.VaccineType(int(r.CVX), "", r.Day)
	switch g.IntN(24) {
	case 0:
		r.NoDose = pick(g, "PA", "NA")
	case 1:
		r.Refused = true
	case 2:
		r.Recip = ""
	case 3, 4:
		r.Sent = g.time()
	case 5:
		r.Name = pick(g, "", r.Name)
	case 6:
		r.Day += 2000 // after all reports
	case 7, 8:
		r.Coarse = pick(g, "month", "month", "year")
	}
	r.Tombstone = action == "D" && g.IntN(8) > 0 || action != "S" && g.IntN(14) == 0
	if r.Tombstone && g.IntN(2) == 0 {
		r = Row{ID: r.ID, Tombstone: true, Sent: r.Sent}
	}
	return r
}

// times are those that count for the payload at i, with its retimes.
func (s Set) times(i int) []int64 {
	at := s[i].Time
	for _, p := range s {
		if p.Retime == s[i].Name {
			at = min(at, p.Time)
		}
	}
	out := []int64{at}
	for _, r := range s[i].Rows {
		if r.Sent != 0 {
			out = append(out, r.Sent)
		}
	}
	return out
}

// ties: what came with the same time is told apart by the ledger alone, so it
// keeps its order in every order of arrival. So does a retime behind what it
// is about.
func (s Set) ties(i, k int) bool {
	if s[k].Retime != "" || s[i].Retime != "" {
		return s[k].Retime == s[i].Name
	}
	for _, a := range s.times(i) {
		if slices.Contains(s.times(k), a) {
			return true
		}
	}
	return false
}

// shuffle is the set in another order of arrival.
func (s Set) shuffle(rng *rand.Rand) Set {
	var out Set
	done := make([]bool, len(s))
	for len(out) < len(s) {
		var free []int
		for k := range s {
			ready := !done[k]
			for i := range s[:k] {
				ready = ready && (done[i] || !s.ties(i, k))
			}
			if ready {
				free = append(free, k)
			}
		}
		k := free[rng.IntN(len(free))]
		done[k] = true
		out = append(out, s[k])
	}
	return out
}

// show lists the set for a test that fails.
func (s Set) show() string {
	var b strings.Builder
	for _, p := range s {
		if p.Retime != "" {
			fmt.Fprintf(&b, "  %s is as old as %d\n", p.Retime, p.Time)
			continue
		}
		fmt.Fprintf(&b, "  %s: %s %s%s, time %d\n", p.Name, p.Registry, p.Action, p.Format, p.Time)
		for _, r := range p.Rows {
			fmt.Fprintf(&b, "     %+v\n", r)
		}
		for _, k := range p.Links {
			fmt.Fprintf(&b, "     %s %v %v %s\n", k.Entity, k.A, k.B, k.Verdict)
		}
	}
	return b.String()
}
