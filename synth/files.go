package synth

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// output is a file to write, or the folder of an export.
type output struct {
	File
	registry int
	format   format
	action   action
	date     int
	sent     int  // NN that the content bears; a repeat's name has another
	full     bool // all that a server holds in the end
	entries  []uint64
}

// files cuts the slots into files and names them.
func (p *plan) files(most int) (out []*output) {
	for i := range p.slots {
		s := &p.slots[i]
		if p.world.formats[s.registry].mixed() {
			continue
		}
		slices.Sort(s.entries)
		for nn, part := range slices.Collect(slices.Chunk(s.entries, most)) {
			o := &output{registry: s.registry, action: s.action, date: s.date, entries: part}
			o.Action = actionNames[s.action]
			out = append(out, p.named(o, nn+1))
		}
	}
	for registry, f := range p.world.formats {
		if f.mixed() {
			out = append(out, p.mixedFiles(registry, f, most)...)
		}
	}
	return out
}

// mixedFiles puts what a registry adds, updates and deletes by one date into
// one file, person by person, so that doses of a person can share what is said
// of the person. No event comes twice by one date. The entries move into one
// array, which fullExports sorts once more.
func (p *plan) mixedFiles(registry int, f format, most int) (out []*output) {
	var dates []int
	n := 0
	for _, s := range p.slots {
		if s.registry == registry && len(s.entries) > 0 {
			dates = append(dates, s.date)
			n += len(s.entries)
		}
	}
	slices.Sort(dates)
	all := make([]uint64, 0, n)
	for _, date := range slices.Compact(dates) {
		from := len(all)
		for i := range p.slots {
			if s := &p.slots[i]; s.registry == registry && s.date == date {
				all = append(all, s.entries...)
				s.entries = nil
			}
		}
		entries := all[from:]
		slices.SortFunc(entries, byPerson)
		if f == inFHIR {
			most = len(entries)
		}
		for nn, part := range slices.Collect(slices.Chunk(entries, most)) {
			out = append(out, p.named(&output{registry: registry, format: f, date: date, entries: part}, nn+1))
		}
	}
	if f == inFHIR {
		p.exports = append(p.exports, &output{registry: registry, format: f, full: true, date: slices.Min(append(dates, calendarTo-1)), entries: all})
	}
	return out
}

// byPerson compares all of two entries but day and chance.
func byPerson(a, b uint64) int { return cmp.Compare(a&(1<<38-1), b&(1<<38-1)) }

// fullExports cuts what the exports of each registry held down to the newest
// report of each event. The deliveries' own entries are lost.
func (p *plan) fullExports() []*output {
	for _, o := range p.exports {
		o.entries = newest(o.entries)
		o.Records, o.Path = len(o.entries), path.Join(fullFolder, p.world.names[o.registry])
	}
	return p.exports
}

// fullFolder holds the full exports beside the registries.
const fullFolder = "full"

// newest keeps the last step of each event: steps are numbered so that those
// of one chain rise.
func newest(entries []uint64) []uint64 {
	slices.SortFunc(entries, byPerson)
	out := entries[:0]
	for i, e := range entries {
		if i+1 == len(entries) || (e^entries[i+1])>>4&(1<<34-1) != 0 {
			out = append(out, e)
		}
	}
	return out
}

// named completes what is said of a file.
func (p *plan) named(o *output, nn int) *output {
	for _, e := range o.entries {
		if _, _, _, _, step := unpack(e); step == unusable {
			o.Rejects++
		}
	}
	if o.format != inCVRS {
		o.Format = formatNames[o.format]
	}
	o.Registry, o.SourceDate, o.Records, o.sent = p.world.names[o.registry], dateText(o.date), len(o.entries), nn
	o.name(nn)
	return o
}

// name makes REGISTRY/ACTION/yyyymmdd_NN_AAA.txt (CVRS v2, file rules), and of
// the others REGISTRY/yyyymmdd_NN_AAA, for HL7 with .hl7.
func (o *output) name(nn int) {
	o.Sequence = nn
	name := fmt.Sprintf("%s_%02d_%s%s", strings.ReplaceAll(o.SourceDate, "-", ""), nn, submitter(o.Registry), [numFormats]string{".txt", ".hl7", ""}[o.format])
	o.Path = path.Join(o.Registry, o.Action, name)
}

// repeats chooses files that come again with the same bytes as a later NN.
func repeats(seed uint64, files []*output, part float64) (out []*output) {
	taken := make(map[string]bool)
	for _, f := range files {
		taken[f.Path] = true
	}
	for _, i := range sample(seed, 1, len(files), part) {
		o := *files[i]
		o.RepeatOf = o.Path
		for nn := o.Sequence + 1; taken[o.Path]; nn++ {
			o.name(nn)
		}
		taken[o.Path] = true
		out = append(out, &o)
	}
	return out
}

// sample chooses a part of n things, at least one when there are four.
func sample(seed, what uint64, n int, part float64) []int {
	want := int(part * float64(n))
	if part > 0 && n >= 4 {
		want = max(want, 1)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	slices.SortFunc(all, func(a, b int) int {
		return cmp.Compare(hash(seed, saltFiles+what<<8, uint64(a)), hash(seed, saltFiles+what<<8, uint64(b)))
	})
	return all[:min(want, n)]
}

// deliver orders the paths as they arrive: by date, but late files up to a
// quarter of the list later, and a repeated file after its first.
func deliver(seed uint64, files []*output, late float64) []string {
	order := slices.Clone(files)
	slices.SortFunc(order, func(a, b *output) int {
		return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.action, b.action), cmp.Compare(a.registry, b.registry), cmp.Compare(a.Sequence, b.Sequence))
	})
	place := make(map[string]int)
	for i, o := range order {
		place[o.Path] = 2 * i
	}
	for _, i := range sample(seed, 2, len(order), late) {
		place[order[i].Path] += 3 + 2*int(hash(seed, saltFiles, uint64(i))%uint64(1+len(order)/4))
	}
	slices.SortStableFunc(order, func(a, b *output) int { return cmp.Compare(place[a.Path], place[b.Path]) })
	return afterFirst(order)
}

// afterFirst lists the paths; a repeat that stands before its first moves to
// right behind it.
func afterFirst(order []*output) (paths []string) {
	early := make(map[string][]string)
	seen := make(map[string]bool)
	for _, o := range order {
		if o.RepeatOf != "" && !seen[o.RepeatOf] {
			early[o.RepeatOf] = append(early[o.RepeatOf], o.Path)
			continue
		}
		seen[o.Path] = true
		paths = append(append(paths, o.Path), early[o.Path]...)
	}
	return paths
}
