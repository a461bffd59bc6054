package main

import (
	"strings"
	"testing"

	"github.com/dosebook/dosebook/pipelines"
)

// step is one payload of a story, and what it must do.
type step struct {
	what         string
	name, action string
	rows         []string
	want         effect
	copyOf       int // 1 more than the step whose bytes these are
}

// story is the life of a few events: known, unknown, corrected, deleted,
// revived, late. The sums are DESIGN §5.5 and §5.7's "Counting".
var story = []step{
	{what: "three new", name: "20210310_01_CAA.txt", action: "add", rows: []string{row("e1", nil), row("e2", nil), row("e3", nil)},
		want: effect{adds: 3}},
	{what: "the same bytes, another name", name: "again.txt", action: "add", copyOf: 1},
	{what: "the same rows in other bytes", name: "20210311_01_CAA.txt", action: "add", rows: []string{row("e2", nil), row("e1", nil), row("e3", nil)},
		want: effect{unchanged: 3}},
	{what: "update of a known and of an unknown key", name: "20210312_01_CAA.txt", action: "update",
		rows: []string{row("e1", fields{"lot_number": "NEWER"}), row("e9", nil)}, want: effect{adds: 1, updates: 1, codes: "UPDATE_OF_UNKNOWN"}},
	{what: "delete of a known and of an unknown key", name: "20210313_01_CAA.txt", action: "delete",
		rows: []string{row("e2", nil), row("e8", nil)}, want: effect{deletes: 2, codes: "DELETE_OF_UNKNOWN"}},
	{what: "delete of what is deleted", name: "20210314_01_CAA.txt", action: "delete", rows: []string{row("e8", fields{"lot_number": "XYXYX"}), row("e2", nil)},
		want: effect{unchanged: 2}},
	{what: "add of a known key with other content", name: "20210315_01_CAA.txt", action: "add",
		rows: []string{row("e3", fields{"lot_number": "OTHER"}), row("e1", fields{"lot_number": "NEWER"})}, want: effect{updates: 1, unchanged: 1, codes: "ADD_OF_KNOWN"}},
	{what: "a deleted event again", name: "20210316_01_CAA.txt", action: "add", rows: []string{row("e2", fields{"lot_number": "AGAIN"})},
		want: effect{adds: 1, codes: "REVIVED"}},
	{what: "a late old addition", name: "20210309_01_CAA.txt", action: "add",
		rows: []string{row("e1", fields{"lot_number": "OLDER"}), row("e2", fields{"lot_number": "OLDER"}), row("e3", fields{"lot_number": "OLDER"})},
		want: effect{unchanged: 3}},
	{what: "a late old delete", name: "20210308_01_CAA.txt", action: "delete", rows: []string{row("e1", nil)}, want: effect{unchanged: 1}},
	{what: "delete with the key alone", name: "20210317_01_CAA.txt", action: "delete",
		rows: []string{strings.TrimRight(row("e9", nil)[:2], "\t") + strings.Repeat("\t", 44)}, want: effect{deletes: 1}},
	{what: "twice in one file: the later line counts", name: "20210318_01_CAA.txt", action: "add",
		rows: []string{row("e7", fields{"lot_number": "FIRST"}), row("e7", fields{"lot_number": "SECOND"})}, want: effect{adds: 1, updates: 1, codes: "ADD_OF_KNOWN"}},
}

// end is what the story leaves: the live events with their lots.
const end = "e1 NEWER, e2 AGAIN, e3 OTHER, e7 SECOND"

func (s step) path(t *testing.T) string {
	if s.copyOf > 0 {
		return write(t, s.name, cvrsText(story[s.copyOf-1].rows...))
	}
	return write(t, s.name, cvrsText(s.rows...))
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	d := newData(t)
	var segments []string
	for _, s := range story {
		p := d.load(t, "--registry", "CAIR2", "--action", s.action, s.path(t)).Payloads[0]
		segments = append(segments, p.Segment)
		if s.copyOf > 0 {
			if !p.Duplicate || p.Segment != segments[s.copyOf-1] || p.Records != 0 || effectOf(p) != (effect{}) {
				t.Errorf("%s: %+v", s.what, p)
			}
			continue
		}
		// COUNTY and the like are issues of rows; here only those of versions matter.
		if got := effectOf(p); got != s.want || p.Duplicate || p.Records != int64(len(s.rows)) {
			t.Errorf("%s: %+v, want %+v", s.what, got, s.want)
		}
	}
	live := func(d data) string {
		d.ok(t, "release", "build")
		return d.count(t, "select string_agg(vax_event_id || ' ' || lot_number, ', ' order by vax_event_id) from dose_event")
	}
	if got := strings.Trim(live(d), `"`); got != end {
		t.Errorf("live events: %s, want %s", got, end)
	}
	// Every payload again, and once more in the other order: nothing changes.
	before := d.ok(t, "release", "show", "--json")
	for i := range story {
		s := story[len(story)-1-i]
		s.name = "z" + s.name
		p := d.load(t, "--registry", "CAIR2", "--action", s.action, s.path(t)).Payloads[0]
		if !p.Duplicate || p.Records != 0 || effectOf(p) != (effect{}) {
			t.Errorf("again: %s: %+v", s.what, p)
		}
	}
	d.ok(t, "release", "build")
	if d.ok(t, "release", "show", "--json") != before {
		t.Error("repeats made another release")
	}
	// Loaded in one call an action, and backwards, the events are the same.
	other := newData(t)
	for i := range story {
		s := story[len(story)-1-i]
		other.load(t, "--registry", "CAIR2", "--action", s.action, s.path(t))
	}
	if got := strings.Trim(live(other), `"`); got != end {
		t.Errorf("backwards: live events: %s, want %s", got, end)
	}
	d.sound(t)
	other.sound(t)
}

// What each payload did, however many come in one call.
func TestEffectsInOneCall(t *testing.T) {
	t.Parallel()
	var files []string
	var want []effect
	for _, s := range story {
		if s.action == "add" && s.copyOf == 0 {
			files = append(files, s.path(t))
		}
	}
	apart, together := newData(t), newData(t)
	var one []pipelines.Payload
	for _, f := range files {
		p := apart.load(t, "--registry", "CAIR2", f).Payloads[0]
		one, want = append(one, p), append(want, effectOf(p))
	}
	rep := together.load(t, append([]string{"--registry", "CAIR2"}, files...)...)
	for i, p := range rep.Payloads {
		if got := effectOf(p); got != want[i] || p.Segment != one[i].Segment {
			t.Errorf("payload %d did %+v together, %+v apart", i+1, got, want[i])
		}
	}
}
