package loadtest

import (
	"cmp"
	"slices"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// version is one row of one segment, as the model sees it.
type version struct {
	Row
	entry load.Entry
	time  int64
	place int64
}

// versions lists all rows up to entry to, in the order of the ledger, each
// with the time that counts there.
func (l *Log) versions(to int64) []version {
	var out []version
	for _, e := range l.Known(to) {
		for i, r := range l.rows[e.Seq] {
			v := version{Row: r, entry: e, time: e.SourceTime, place: load.Place(e.Seq, int64(i))}
			if r.Sent != 0 {
				v.time = r.Sent
			}
			out = append(out, v)
		}
	}
	return out
}

// newer: versions are ordered by source time, then by ledger and line
// (DESIGN §5.3).
func newer(a, b version) bool {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.place, b.place)) > 0
}

type key struct{ registry, id string }

// Expect returns the state that a warehouse has at entry to, by key.
func (l *Log) Expect(to int64) []Version {
	best, born := map[key]version{}, map[key]int64{}
	for _, v := range l.versions(to) {
		k := key{v.entry.Registry, v.ID}
		if old, ok := best[k]; !ok || newer(v, old) {
			best[k] = v
		}
		if old, ok := born[k]; !ok || v.time < old {
			born[k] = v.time
		}
	}
	people := map[int64][]*Version{}
	all := make([]*Version, 0, len(best))
	for k, v := range best {
		c := &Version{Registry: k.registry, ID: k.id, SourceTime: v.time, Place: v.place, Born: born[k], Tombstone: v.Tombstone,
			Recip: v.recipKey(k.registry), Day: v.Day, CVX: v.CVX, County: number(v.county()), City: city(v.City),
			AdminCounty: number(v.Given), Countable: v.countable(), Content: v.content()}
		if !v.Tombstone {
			people[c.Recip] = append(people[c.Recip], c)
		}
		all = append(all, c)
	}
	for person, events := range people {
		derive(person, events, func(v *Version) int64 { return best[key{v.Registry, v.ID}].eventKey(v.Registry) })
	}
	out := make([]Version, len(all))
	for i, v := range all {
		out[i] = *v
	}
	sortVersions(out)
	return out
}

func city(lhj string) int32 {
	return map[string]int32{"berkeley": 1, "long-beach": 2, "pasadena": 3}[lhj]
}

// derive numbers one person's doses by date; ties go by the event known first,
// then by key, never by arrival.
func derive(person int64, events []*Version, keyOf func(*Version) int64) {
	var doses []*Version
	for _, v := range events {
		v.Derived, v.Primary, v.Person = true, v.Countable, person
		if v.Primary {
			doses = append(doses, v)
		}
	}
	slices.SortFunc(doses, func(a, b *Version) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Born, b.Born), cmp.Compare(keyOf(a), keyOf(b)))
	})
	full := fullDate(doses)
	for i, v := range doses {
		v.Ordinal = int32(i + 1)
	}
	for _, v := range events {
		v.Full = full
	}
}

// fullDate is the first day the primary series was complete: one Janssen, two
// Pfizer 17 days apart, two Moderna 24, a mix of both 17 (CDPH data dictionary,
// fully_vaccinated); 0 for none. Every pair is tried.
func fullDate(doses []*Version) int32 {
	var days []int32
	for _, b := range doses {
		second := dose.Maker(int(b.CVX))
		if second == "janssen" {
			days = append(days, b.Day)
		}
		for _, a := range doses {
			first := dose.Maker(int(a.CVX))
			if (first != "pfizer" && first != "moderna") || (second != "pfizer" && second != "moderna") {
				continue
			}
			apart := int32(17)
			if first == "moderna" && second == "moderna" {
				apart = 24
			}
			if b.Day-a.Day >= apart {
				days = append(days, b.Day)
			}
		}
	}
	if len(days) == 0 {
		return 0
	}
	return slices.Min(days)
}

func less(a, b Version) bool {
	return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.ID, b.ID)) < 0
}

func sortVersions(v []Version) {
	slices.SortFunc(v, func(a, b Version) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Place, b.Place))
	})
}

// effects says what each segment did when it came, by seq: row by row, against
// the rows before it, with the times known then.
func (l *Log) effects() map[int64]load.Effect {
	out := map[int64]load.Effect{}
	for _, e := range l.entries {
		if e.Retime {
			continue
		}
		eff := load.Effect{Seq: e.Seq, Issues: map[string]int64{}}
		before := map[key]version{}
		for _, v := range l.versions(e.Seq) {
			k := key{v.entry.Registry, v.ID}
			old, known := before[k]
			if v.entry.Seq == e.Seq {
				judge(&eff, e.Action, v, old, known)
			}
			if !known || newer(v, old) {
				before[k] = v
			}
		}
		out[e.Seq] = eff
	}
	return out
}

// judge counts one row and what only the whole set can say of it.
func judge(eff *load.Effect, action string, v, old version, known bool) {
	switch {
	case known && !newer(v, old), known && v.Tombstone && old.Tombstone:
		eff.Unchanged++
	case v.Tombstone:
		eff.Deletes++
		if !known {
			eff.Issues["DELETE_OF_UNKNOWN"]++
		}
	case !known:
		eff.Adds++
		if action == "U" {
			eff.Issues["UPDATE_OF_UNKNOWN"]++
		}
	case old.Tombstone:
		eff.Adds++
		eff.Issues["REVIVED"]++
	case v.content() == old.content():
		eff.Unchanged++
	default:
		eff.Updates++
		if action == "A" {
			eff.Issues["ADD_OF_KNOWN"]++
		}
	}
}
