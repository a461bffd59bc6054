package drop

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
)

// stamp is what tells one version of a file from another.
type stamp struct {
	Size  int64 `json:"s"`
	MTime int64 `json:"m"` // Unix nanoseconds by the box's clock; SFTP has whole seconds
}

func stampOf(fi fs.FileInfo) stamp { return stamp{fi.Size(), fi.ModTime().UnixNano()} }

// entry is one file as listed. Its name is relative to the box, with slashes.
type entry struct {
	name string
	stamp
	regular bool
}

// mark is what a Source remembers between runs: what was listed and is
// loaded. It is never longer than the listing.
type mark struct {
	Version int                 `json:"v"`
	Of      string              `json:"of"`
	Seen    map[string]stamp    `json:"seen,omitempty"`
	Marked  map[string]markedBy `json:"marked,omitempty"`
	fresh   bool
}

// markedBy is the marker that made a file ready. The same marker does not do
// so twice: a sender who sends the file again marks it again.
type markedBy struct {
	Marker string `json:"by"`
	Stamp  stamp  `json:"at"`
}

// readMark reads a mark of the place called of. Any other mark is as good as
// none: files are fetched again, and known bytes change nothing.
func readMark(text, of string) mark {
	var m mark
	if err := json.Unmarshal([]byte(text), &m); err != nil || m.Version != 1 || m.Of != of {
		return mark{Version: 1, Of: of, fresh: true}
	}
	return m
}

func (m mark) String() string {
	b, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	return string(b)
}

// sighting is since when a file has been seen as it is, by our clock.
type sighting struct {
	Stamp stamp     `json:"stamp"`
	Since time.Time `json:"since"`
}

// plan is what one listing means.
type plan struct {
	listed    []entry
	ready     []entry
	known     map[string]stamp    // loaded, and listed as it was
	markers   map[string]markedBy // what makes ready files ready
	sightings map[string]sighting
	pause     time.Duration // until all that only needs time is ready
	left      notes
}

// sort decides about every listed file. One that is whole in the stage
// already (has) was ready once and stays so. Where loaded files are archived,
// a file is only known as long as its copy is there: Done has moved what it
// cleared, so that an equal name, size and time is a new file.
func (c Config) sort(listed []entry, m mark, has func(entry) bool, seen map[string]sighting, now time.Time) *plan {
	p := &plan{listed: listed, known: map[string]stamp{}, markers: map[string]markedBy{}, sightings: map[string]sighting{}}
	at := byName(listed)
	for _, e := range listed {
		was, loaded := m.Seen[e.name]
		switch {
		case !c.wants(e.name):
		case !plainName(e.name):
			p.left.add("refused for an odd name", e.name)
		case !e.regular:
			p.left.add("refused, no regular file", e.name)
		case loaded && was == e.stamp && (c.After != Archive || has(e)):
			p.known[e.name] = e.stamp
		case e.Size == 0:
			p.left.add("empty", e.name)
		case c.Ready == Marked && p.marked(e, at, m) || c.Ready == Stable && p.stable(e, seen, now, c.StableFor) || has(e):
			p.ready = append(p.ready, e)
		default:
			p.wait(e, c, seen, now)
		}
	}
	return p
}

// wait notes why e is not ready, and how long it takes if time is all it needs.
func (p *plan) wait(e entry, c Config, seen map[string]sighting, now time.Time) {
	was, again := seen[e.name]
	switch {
	case c.Ready == Marked:
		p.left.add("waiting for a marker", e.name)
		return
	case again && was.Stamp != e.stamp:
		p.left.add("still growing", e.name)
	default:
		p.left.add("not yet stable", e.name)
	}
	p.pause = max(p.pause, c.StableFor-now.Sub(p.sightings[e.name].Since))
}

// marked notes the marker that makes e ready, if there is one that has not
// done so for another version of e.
func (p *plan) marked(e entry, at map[string]entry, m mark) bool {
	stem := strings.TrimSuffix(e.name, path.Ext(e.name))
	for _, base := range []string{e.name, stem} {
		for _, end := range []string{markerEnd, ".DONE", ".Done"} {
			mk, ok := at[base+end]
			by := markedBy{mk.name, mk.stamp}
			if used, again := m.Marked[e.name]; ok && mk.regular && !(again && used == by) {
				p.markers[e.name] = by
				return true
			}
		}
	}
	return false
}

// stable is true when e is as it was in a listing at least d before now. A
// clock that was set back starts anew. One that was set forward may call a
// file stable too early; if that file is still written, its next version is
// fetched as well, so nothing is lost by it.
func (p *plan) stable(e entry, seen map[string]sighting, now time.Time, d time.Duration) bool {
	s, again := seen[e.name]
	if !again || s.Stamp != e.stamp || now.Before(s.Since) {
		s = sighting{e.stamp, now}
	}
	p.sightings[e.name] = s
	return now.Sub(s.Since) >= d
}

const markerEnd = ".done"

func isMarker(name string) bool { return strings.HasSuffix(strings.ToLower(name), markerEnd) }

// marks says whether the marker of that name is one for the file: X.done or
// X.txt.done for X.txt, in the same folder, its ending in any case.
func marks(marker, file string) bool {
	if !isMarker(marker) || isMarker(file) {
		return false
	}
	stem := marker[:len(marker)-len(markerEnd)]
	return stem == file || stem == strings.TrimSuffix(file, path.Ext(file))
}

// mark returns what to remember once everything whole is loaded. A marker
// that has been used is remembered as long as it lies there.
func (p *plan) mark(m mark, whole []staged) mark {
	got, at := map[string]bool{}, byName(p.listed)
	for _, f := range whole {
		got[f.key] = true
	}
	out := mark{Version: 1, Of: m.Of, Seen: p.known, Marked: map[string]markedBy{}}
	for name, by := range m.Marked {
		if mk, ok := at[by.Marker]; ok && mk.stamp == by.Stamp {
			out.Marked[name] = by
		}
	}
	for _, e := range p.listed {
		if !got[keyOf(m.Of, e.name, e.stamp)] {
			continue
		}
		out.Seen[e.name] = e.stamp
		if by, ok := p.markers[e.name]; ok {
			out.Marked[e.name] = by
		}
	}
	return out
}

func byName(listed []entry) map[string]entry {
	at := make(map[string]entry, len(listed))
	for _, e := range listed {
		at[e.name] = e
	}
	return at
}

// plainName is true for a name that is safe to show, to join and to write
// under on any system. fs.ValidPath refuses what is no UTF-8.
func plainName(name string) bool {
	if name == "" || len(path.Base(name)) > 255 || !fs.ValidPath(name) || strings.ContainsRune(name, '\\') {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	})
}

// notes collects what is to be said, by reason.
type notes struct {
	reasons []string
	names   map[string][]string
	unread  error // the last file that could not be read
}

func (n *notes) add(reason, name string) {
	if !slices.Contains(n.reasons, reason) {
		n.reasons = append(n.reasons, reason)
	}
	if name != "" {
		if n.names == nil {
			n.names = map[string][]string{}
		}
		n.names[reason] = append(n.names[reason], name)
	}
}

func (n *notes) join(o notes) {
	for _, r := range o.reasons {
		n.add(r, "")
		for _, name := range o.names[r] {
			n.add(r, name)
		}
	}
}

// text is one line: how many files came, and what was left and why, with the
// first three names of each reason.
func (n *notes) text(files int) string {
	parts := []string{"nothing new"}
	if files == 1 {
		parts[0] = "1 file"
	} else if files > 1 {
		parts[0] = fmt.Sprintf("%d files", files)
	}
	for _, r := range n.reasons {
		names := n.names[r]
		if len(names) == 0 {
			parts = append(parts, r)
			continue
		}
		text := make([]string, 0, 4)
		for _, name := range names[:min(3, len(names))] {
			text = append(text, fmt.Sprintf("%q", name))
		}
		if len(names) > 3 {
			text = append(text, "…")
		}
		parts = append(parts, fmt.Sprintf("%d %s: %s", len(names), r, strings.Join(text, ", ")))
	}
	return strings.Join(parts, "; ")
}
