package loadtest

import (
	"cmp"
	"slices"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// version is one row of one segment, as the model sees it: the event under the
// id that it stands under now.
type version struct {
	Row
	id       ID // of the event, now
	eventKey int64
	recip    int64
	entry    load.Entry
	time     int64
	place    int64
}

// versions lists all rows up to entry to, in the order of the ledger, each
// with the time that counts there. Rows of a snapshot are as new as it.
func (l *Log) versions(to int64) []version {
	var out []version
	moved := l.moved(to)
	for _, e := range l.Known(to) {
		for i, r := range l.held[e.Seq].Rows {
			v := version{Row: r, id: ID{e.Registry, r.ID}, eventKey: r.eventKey(e.Registry), recip: r.recipKey(e.Registry),
				entry: e, time: e.SourceTime, place: load.Place(e.Seq, int64(i))}
			if r.Sent != 0 && (e.Action != "S" || r.Sent > v.time) {
				v.time = r.Sent
			}
			if now, ok := moved["event"][v.id]; ok {
				v.id, v.eventKey = now, now.key()
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

// event is the version of an event that counts, on its way to a Version.
type event struct {
	Version
	version
	oldest int64 // source time of its oldest version
}

// current finds the version of each event that counts, and since when
// recipients have been known.
func (l *Log) current(to int64) (events []*event, since map[int64]int64) {
	best, since := map[ID]*event{}, map[int64]int64{}
	for _, v := range l.versions(to) {
		if old, ok := since[v.recip]; !ok || v.time < old {
			since[v.recip] = v.time
		}
		e := best[v.id]
		if e == nil {
			e = &event{version: v, oldest: v.time}
			best[v.id] = e
			events = append(events, e)
		}
		if newer(v, e.version) {
			e.version = v
		}
		e.oldest = min(e.oldest, v.time)
	}
	last := map[string]load.Entry{} // a registry's latest snapshot
	for _, k := range l.Known(to) {
		if k.Action == "S" && k.SourceTime >= last[k.Registry].SourceTime {
			last[k.Registry] = k
		}
	}
	for _, e := range events {
		absent := last[e.id.Registry].Seq != 0 && e.time < last[e.id.Registry].SourceTime
		e.Version = Version{Registry: e.id.Registry, ID: e.id.ID, SourceTime: e.time, Place: e.place, Born: e.oldest,
			Tombstone: e.Row.Tombstone || absent, Recip: e.recip, Day: e.Row.Day, CVX: e.Row.CVX, County: number(e.county()), City: city(e.Row.City),
			AdminCounty: number(e.Given), Countable: e.countable(), Content: e.content()}
	}
	return events, since
}

// Expect returns the state that a warehouse has at entry to, by key.
func (l *Log) Expect(to int64) []Version {
	events, since := l.current(to)
	people := map[int64][]*event{}
	person := l.people(to, events, since)
	for _, e := range events {
		if !e.Version.Tombstone {
			e.Derived, e.Person = true, person[e.recip]
			people[e.Person] = append(people[e.Person], e)
		}
	}
	verdict := l.doseVerdicts(to)
	for _, mine := range people {
		l.groups(mine, verdict)
		derive(mine)
	}
	out := make([]Version, len(events))
	for i, e := range events {
		out[i] = e.Version
	}
	sortVersions(out)
	return out
}

func city(lhj string) int32 {
	return map[string]int32{"berkeley": 1, "long-beach": 2, "pasadena": 3}[lhj]
}

// derive numbers one person's doses by date; ties go by the event known first,
// then by key, never by arrival.
func derive(events []*event) {
	var doses []*event
	for _, e := range events {
		if e.Primary {
			doses = append(doses, e)
		}
	}
	slices.SortFunc(doses, inTime)
	full := fullDate(doses)
	for i, e := range doses {
		e.Ordinal = int32(i + 1)
	}
	for _, e := range events {
		e.Full = full
	}
}

// inTime orders events by the day of the dose, then by age.
func inTime(a, b *event) int {
	return cmp.Or(cmp.Compare(a.Row.Day, b.Row.Day), byAge(a, b))
}

// byAge orders events by what the registries said first.
func byAge(a, b *event) int {
	return cmp.Or(cmp.Compare(a.oldest, b.oldest), cmp.Compare(a.eventKey, b.eventKey))
}

// fullDate is the first day the primary series was complete: one Janssen, two
// Pfizer 17 days apart, two Moderna 24, a mix of both 17 (CDPH data dictionary,
// fully_vaccinated); 0 for none. Every pair is tried. Updated doses alone
// complete nothing (docs/MATCHING.md).
func fullDate(doses []*event) int32 {
	var days []int32
	for _, b := range doses {
		second := dose.Maker(int(b.Row.CVX))
		if second == "janssen" {
			days = append(days, b.Row.Day)
		}
		for _, a := range doses {
			first := dose.Maker(int(a.Row.CVX))
			if (first != "pfizer" && first != "moderna") || (second != "pfizer" && second != "moderna") || a.updated() && b.updated() {
				continue
			}
			apart := int32(17)
			if first == "moderna" && second == "moderna" {
				apart = 24
			}
			if b.Row.Day-a.Row.Day >= apart {
				days = append(days, b.Row.Day)
			}
		}
	}
	if len(days) == 0 {
		return 0
	}
	return slices.Min(days)
}

// updated says whether the vaccine is one of 2023-24 or later.
func (r Row) updated() bool {
	return slices.Contains([]string{"2023-24", "2024-25", "2025-26"}, r.Text["vaccine_type"])
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
		before := map[ID]version{}
		for _, v := range l.versions(e.Seq) {
			k := v.id
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
