package synth

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// Planted is one row of one county's file that a planted month adds, removes
// or changes, with the cause that the changes between the releases before and
// after the month must tell (docs/CHANGES.md).
type Planted struct {
	Kind     string `json:"kind"` // what happened to the person
	Registry string `json:"registry"`
	Event    string `json:"event"`
	County   string `json:"county"` // whose file it is
	Change   string `json:"change"` // added, removed, changed
	Cause    string `json:"cause"`
}

// Month is what PlantMonth planted.
type Month struct {
	From    int       `json:"from"` // place in Truth.Delivery of the month's first file
	Changes []Planted `json:"changes"`
	// People are the registries and recipient ids of all who were met: other
	// rows of theirs may change as well, nobody else's.
	People []string `json:"people"`
}

// monthKinds are what befalls people in a planted month, each person once.
var monthKinds = []struct {
	name string
	one  bool // the person must have one dose: those that are made later must not come near another
	do   func(*month, [][]byte)
}{
	{"new report", true, (*month).newReport}, {"duplicate", true, (*month).duplicate}, {"merge", true, (*month).merge}, {"split", true, (*month).split},
	{"correction", false, (*month).correction}, {"delete", false, (*month).deletion}, {"moved", false, (*month).move}, {"repeat", false, (*month).repeat},
}

// PlantMonth adds to the CVRS files that Write left in dir a month in which
// each of some things befalls n people of each registry, and writes down in
// truth.json what county files must tell of it. What must have been there
// before comes in one more file at the end of what is there. The figures of
// the truth stay those of the world without the month. It holds the rows of a
// registry in memory.
func PlantMonth(ctx context.Context, dir string, t *Truth, n int) (err error) {
	defer dose.Wrap(&err, "plant a month")
	last := slices.MaxFunc(t.Files, func(a, b File) int { return cmp.Compare(a.SourceDate, b.SourceDate) })
	day, err := parseDay(last.SourceDate)
	if err != nil {
		return err
	}
	var before, after []File
	all := &Month{}
	for _, registry := range t.Registries {
		m := &month{registry: registry, out: map[string][]byte{}, told: all}
		people, err := m.read(ctx, dir, t)
		if err != nil {
			return err
		}
		if err := m.plant(people, n); err != nil {
			return err
		}
		for _, part := range []struct {
			files *[]File
			key   string
			day   int
		}{{&before, "before", day + 1}, {&after, actionNames[add], day + 30}, {&after, actionNames[update], day + 30}, {&after, actionNames[remove], day + 30}} {
			f, err := m.write(dir, part.key, part.day)
			if err != nil {
				return err
			}
			if f.Records > 0 {
				*part.files = append(*part.files, f)
			}
		}
	}
	all.From = len(t.Delivery) + len(before)
	for _, f := range slices.Concat(before, after) {
		t.Files, t.Delivery = append(t.Files, f), append(t.Delivery, f.Path)
	}
	t.Month = all
	return writeTruth(filepath.Join(dir, "truth.json"), t)
}

// month is one registry's while it is planted.
type month struct {
	registry string
	kind     string
	head     []byte
	out      map[string][]byte // rows, by action; "before" for those of before the month
	made     int
	told     *Month
}

// read groups the rows of the registry's additions by person, in the order of
// the files: those who live in California and have rows that count there.
func (m *month) read(ctx context.Context, dir string, t *Truth) (people [][][]byte, err error) {
	at := map[string]int{}
	for _, f := range t.Files {
		if f.Registry != m.registry || f.Action != actionNames[add] || f.RepeatOf != "" {
			continue
		}
		if f.Format != "" {
			return nil, fmt.Errorf("%s does not write CVRS: %w", m.registry, dose.ErrInvalid)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			if m.head == nil {
				m.head = line
			}
			if bytes.Equal(line, m.head) {
				continue
			}
			cells := bytes.Split(line, []byte{'\t'})
			if len(cells) < dose.CVRSColumns {
				continue
			}
			id := string(cells[cvrsRecip])
			if _, known := at[id]; !known {
				at[id] = len(people)
				people = append(people, nil)
			}
			people[at[id]] = append(people[at[id]], line)
		}
	}
	return people, nil
}

// plant takes people for each kind in turn, none twice.
func (m *month) plant(people [][][]byte, n int) error {
	for _, k := range monthKinds {
		left := n
		for i, p := range people {
			if left == 0 {
				break
			}
			if p == nil || k.one && len(p) > 1 {
				continue
			}
			cells := bytes.Split(p[0], []byte{'\t'})
			if !countsHere(cells) || k.one && !slices.Contains([]string{"207", "208"}, string(cells[cvrsCVX])) {
				continue // one dose of another maker may be a whole series: a second changes nothing
			}
			people[i] = nil
			m.kind = k.name
			m.told.People = append(m.told.People, m.registry+" "+string(cells[cvrsRecip]))
			k.do(m, cells)
			left--
		}
		if left > 0 {
			return fmt.Errorf("%s has too few people for a month: %w", m.registry, dose.ErrInvalid)
		}
	}
	return nil
}

// countsHere says whether the row is a dose whose counties are told by FIPS.
func countsHere(cells [][]byte) bool {
	home, given := string(cells[cvrsCounty]), string(cells[cvrsAdminCounty])
	_, lives := dose.CountyByFIPS(home)
	_, seen := dose.CountyByFIPS(given)
	return lives && seen && string(cells[cvrsRefusal]) == "NO" && len(cells[cvrsLot]) > 0
}

// Places of more CVRS columns, from 0 (CVRS v2).
const (
	cvrsEvent       = 0
	cvrsRecip       = 3
	cvrsLast        = 6
	cvrsZIP         = 14
	cvrsCVX         = 23
	cvrsAdminCounty = 39
	cvrsRefusal     = 42
	cvrsComorbid    = 43
)

// say puts a row into the files of an action.
func (m *month) say(key string, cells [][]byte) {
	m.out[key] = append(m.out[key], bytes.Join(cells, []byte{'\t'})...)
}

// with is a copy of a row with other cells.
func with(cells [][]byte, at int, to string) [][]byte {
	out := slices.Clone(cells)
	out[at] = []byte(to)
	return out
}

// fresh is a copy of a row under an event id that nobody has.
func (m *month) fresh(cells [][]byte) [][]byte {
	m.made++
	return with(cells, cvrsEvent, fmt.Sprintf("%sM%d", m.registry[:1], m.made))
}

// later is a row some days after another.
func later(cells [][]byte, days int) [][]byte {
	day, err := parseDay(string(cells[cvrsAdminDate]))
	if err != nil {
		return cells // a date that is none stays
	}
	return with(cells, cvrsAdminDate, dateText(day+days))
}

// expect notes what every county that holds the row must tell.
func (m *month) expect(cells [][]byte, change, cause string) {
	counties := []string{string(cells[cvrsCounty]), string(cells[cvrsAdminCounty])}
	slices.Sort(counties)
	for _, county := range slices.Compact(counties) {
		m.expectIn(county, cells, change, cause)
	}
}

func (m *month) expectIn(county string, cells [][]byte, change, cause string) {
	m.told.Changes = append(m.told.Changes, Planted{m.kind, m.registry, string(cells[cvrsEvent]), county, change, cause})
}

func (m *month) newReport(c [][]byte) {
	row := later(m.fresh(c), 120)
	m.say("add", row)
	m.expect(row, "added", "new report")
}

func (m *month) correction(c [][]byte) {
	m.say("update", with(c, cvrsLot, string(c[cvrsLot])+"9"))
	m.expect(c, "changed", "correction")
}

func (m *month) deletion(c [][]byte) {
	m.say("delete", c)
	m.expect(c, "removed", "delete")
}

// duplicate reports the dose again, in a fuller row: that one counts from now
// on (docs/MATCHING.md).
func (m *month) duplicate(c [][]byte) {
	m.say("before", with(m.fresh(later(c, 200)), cvrsComorbid, ""))
	old := bytes.Split(lastLine(m.out["before"]), []byte{'\t'})
	row := with(m.fresh(old), cvrsComorbid, "N")
	m.say("add", row)
	m.expect(row, "added", "new report")
	m.expect(old, "changed", "duplicate found")
}

func (m *month) move(c [][]byte) {
	from, given := string(c[cvrsCounty]), string(c[cvrsAdminCounty])
	to := "06037"
	if from == to {
		to = "06001"
	}
	m.say("update", with(with(c, cvrsCounty, to), cvrsZIP, ""))
	for _, x := range []struct{ county, change string }{{from, "removed"}, {to, "added"}} {
		if x.county == given {
			x.change = "changed" // the dose was given there: it stays, or was there
		}
		m.expectIn(x.county, c, x.change, "moved county")
	}
	if given != from && given != to { // where it was given, it stays what it was
		m.expectIn(given, c, "changed", "correction")
	}
}

func (m *month) repeat(c [][]byte) {
	m.say("update", c)
	m.expect(c, "changed", "reported again")
}

// merge: a second recipient id with the name mistyped and two doses; the name
// is corrected in one of them.
func (m *month) merge(c [][]byte) {
	wrong := m.secondID(with(c, cvrsLast, "Zz"+string(c[cvrsLast])))
	one, two := later(m.fresh(wrong), 200), later(m.fresh(wrong), 230)
	m.say("before", one)
	m.say("before", two)
	m.say("update", with(one, cvrsLast, string(c[cvrsLast])))
	m.expect(one, "changed", "correction")
	m.expect(two, "changed", "person merged")
	m.expect(c, "changed", "person merged")
}

// split: a second recipient id whose name is somebody else's in one of two
// doses; that is corrected.
func (m *month) split(c [][]byte) {
	right := m.secondID(with(c, cvrsLast, "Zz"+string(c[cvrsLast])))
	one, two := later(m.fresh(with(right, cvrsLast, string(c[cvrsLast]))), 200), later(m.fresh(right), 230)
	m.say("before", one)
	m.say("before", two)
	m.say("update", with(one, cvrsLast, string(right[cvrsLast])))
	m.expect(one, "changed", "correction")
	m.expect(two, "changed", "person split")
	m.expect(c, "changed", "person split")
}

// secondID is a copy of a row under a recipient id that nobody has.
func (m *month) secondID(cells [][]byte) [][]byte {
	id := "M" + string(cells[cvrsRecip])
	m.told.People = append(m.told.People, m.registry+" "+id)
	return with(cells, cvrsRecip, id)
}

func lastLine(b []byte) []byte {
	return b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]
}

// write makes the file of what is said by an action.
func (m *month) write(dir, key string, day int) (File, error) {
	o := output{File: File{Registry: m.registry, Action: key, SourceDate: dateText(day), Records: bytes.Count(m.out[key], []byte("\n"))}}
	if key == "before" {
		o.Action = actionNames[add]
	}
	o.name(1)
	if o.Records == 0 {
		return o.File, nil
	}
	file := filepath.Join(dir, filepath.FromSlash(o.Path))
	return o.File, errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), whole(file, func(out *bufio.Writer) error {
		out.Write(m.head) // an error comes back on Flush
		_, err := out.Write(m.out[key])
		return err
	}))
}
