package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// storeCase is one case of the store's truth table, testdata/cases/store-*:
// what arrives, step by step, and what must stand in the tables then.
//
//	# the rule, in words, and its source
//	config {matching: {apart_days: 20}}       a configuration of its own
//	any-order                                 holds whichever step comes first
//	default street= zip=94601                 cells of all rows of the case
//	file 20210305_01 CAIR2 [update|delete]    a step: a CVRS file; its rows follow
//	e1 recip=r2 date=2021-03-26               event id, and the cells that differ from a plain row
//	21x e# recip=r#                           21 rows, # counts
//	snapshot 20210401_01 SNAP1 [max-absent=1] [exit=5]
//	copy 20210301_01 of 20210305_01           the same bytes under another name
//	crosswalk CAIR2                           rows: event CAIR2/e1 CAIR2/e2
//	decide dose CAIR2/e1 CAIR2/e2 same
//	want dose_event                           a table: header, rows
//	event | lot | person | dose
//
// Event and recipient ids get the case's prefix, {fam} is a family name of the
// case's own, so cases share a store and don't meet. The columns person and
// dose hold labels: equal labels, equal ids. An event without registry is
// CAIR2's. A name that is no CVRS date is taken as it stands.
type storeCase struct {
	name, config string
	anyOrder     bool
	base         fields
	steps        []storeStep
	want         map[string]wanted
}

type storeStep struct {
	kind           string // file, snapshot, copy, crosswalk, decide
	name, registry string
	args           []string // flags of ingest; words of decide
	exit           int
	rows           []string // expanded lines
	of             string
}

type wanted struct {
	cols []string
	rows [][]string
}

// short are names for columns that cases use often.
var short = map[string]string{"recip": "recip_id", "first": "recip_first_name", "last": "recip_last_name", "dob": "recip_dob",
	"street": "recip_address_street", "city": "recip_address_city", "home": "recip_address_county", "state": "recip_address_state",
	"zip": "recip_address_zip", "phone": "recip_phone", "email": "recip_email", "date": "admin_date", "lot": "lot_number",
	"site": "admin_name", "org": "responsible_org", "given": "admin_address_county", "given_state": "admin_address_state",
	"given_zip": "admin_address_zip", "given_city": "admin_address_city", "info": "information_source", "refusal": "vax_refusal"}

func column(name string) string {
	if full, ok := short[name]; ok {
		return full
	}
	return name
}

// extra are raw columns beyond the 45 that a CVRS file may carry too.
var extra = []string{"information_source", "completion", "recip_phone", "recip_email", "source_time", "action", "protection"}

func (c *storeCase) prefix() string { return c.name + ":" }

// family is a name that no other case has: the key of a name keeps letters and digits.
func (c *storeCase) family() string { return "Fam" + strings.ReplaceAll(c.name, "-", "") }

var cellName = regexp.MustCompile(` ([a-z_0-9]+)=`)

// cells reads "name=value name=value"; a value goes to the next name.
func (c *storeCase) cells(text string) (fields, error) {
	known := dose.Index(dose.Raw())
	out := fields{}
	text = " " + text
	at := cellName.FindAllStringSubmatchIndex(text, -1)
	if len(at) == 0 && strings.TrimSpace(text) != "" || len(at) > 0 && strings.TrimSpace(text[:at[0][0]]) != "" {
		return nil, fmt.Errorf("%q is no cell", text)
	}
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		name := column(text[m[2]:m[3]])
		if _, ok := known[name]; !ok {
			return nil, fmt.Errorf("%q is no column", name)
		}
		out[name] = strings.ReplaceAll(strings.TrimSpace(text[m[1]:end]), "{fam}", c.family())
	}
	return out, nil
}

// line makes the CVRS line of a row. Of a delete only what is written counts.
func (c *storeCase) line(text string, bare bool) (string, error) {
	id, rest, _ := strings.Cut(text, " ")
	own, err := c.cells(rest)
	if err != nil {
		return "", err
	}
	all := fields{"recip_id": "r1", "recip_last_name": c.family()}
	if bare {
		all = fields{}
		for _, name := range header() {
			all[name] = ""
		}
	} else {
		maps.Copy(all, c.base)
	}
	maps.Copy(all, own)
	if all["recip_id"] != "" {
		all["recip_id"] = c.prefix() + all["recip_id"]
	}
	all["vax_event_id"] = c.prefix() + id
	out := row(c.prefix()+id, all)
	for _, name := range extra {
		out += "\t" + all[name]
	}
	return out, nil
}

// id gives REGISTRY/id the case's prefix.
func (c *storeCase) id(s string) string {
	registry, id, ok := strings.Cut(s, "/")
	if !ok {
		return "CAIR2/" + c.prefix() + s
	}
	return registry + "/" + c.prefix() + id
}

var times = regexp.MustCompile(`^(\d+)x (.*)$`)

// spread writes out "3x e#": e1, e2, e3.
func spread(line string) []string {
	m := times.FindStringSubmatch(line)
	if m == nil {
		return []string{line}
	}
	n, _ := strconv.Atoi(m[1])
	var out []string
	for i := range n {
		out = append(out, strings.ReplaceAll(m[2], "#", strconv.Itoa(i+1)))
	}
	return out
}

func readStoreCase(dir string) (*storeCase, error) {
	text, err := os.ReadFile(filepath.Join(dir, "case.txt"))
	if err != nil {
		return nil, err
	}
	c := &storeCase{name: strings.TrimPrefix(filepath.Base(dir), "store-"), want: map[string]wanted{}}
	table := ""
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if table, err = c.read(line, table); err != nil {
			return nil, fmt.Errorf("%s line %d: %w", dir, i+1, err)
		}
	}
	if !strings.Contains(string(text), "Source:") || len(c.steps) == 0 || len(c.want) == 0 {
		return nil, fmt.Errorf("%s: a case has a rule with its source, steps and a table", dir)
	}
	return c, nil
}

// read takes in one line; table is the one being read, or empty.
func (c *storeCase) read(line, table string) (string, error) {
	if table != "" && strings.Contains(line, "|") {
		return table, c.tableLine(line, table)
	}
	words := strings.Fields(line)
	last := len(c.steps) - 1
	switch words[0] {
	case "any-order":
		c.anyOrder = true
	case "config":
		c.config = strings.TrimSpace(strings.TrimPrefix(line, "config"))
	case "default":
		base, err := c.cells(strings.TrimPrefix(line, "default "))
		c.base = base
		return "", err
	case "file", "snapshot", "copy", "crosswalk", "decide":
		s, err := c.step(words)
		c.steps = append(c.steps, s)
		return "", err
	case "want":
		c.want[words[1]] = wanted{}
		return words[1], nil
	default:
		switch {
		case table != "":
			return table, c.tableLine(line, table)
		case last < 0 || c.steps[last].kind == "copy" || c.steps[last].kind == "decide":
			return "", fmt.Errorf("%q: rows belong to a file", line)
		}
		c.steps[last].rows = append(c.steps[last].rows, spread(line)...)
	}
	return "", nil
}

func (c *storeCase) tableLine(line, table string) error {
	w := c.want[table]
	for _, line := range spread(line) {
		var row []string
		for _, s := range strings.Split(line, "|") {
			row = append(row, strings.TrimSpace(s))
		}
		if w.cols == nil {
			for i := range row {
				row[i] = column(row[i])
			}
			w.cols = row
			continue
		}
		if len(row) != len(w.cols) {
			return fmt.Errorf("%q has %d cells, not %d", line, len(row), len(w.cols))
		}
		w.rows = append(w.rows, row)
	}
	c.want[table] = w
	return nil
}

func (c *storeCase) step(w []string) (s storeStep, err error) {
	s = storeStep{kind: w[0]}
	switch {
	case s.kind == "decide" && len(w) == 5:
		s.args = []string{"review", "decide", w[1], c.id(w[2]), c.id(w[3]), "--verdict", w[4], "--reason", "case"}
	case s.kind == "crosswalk" && len(w) == 2:
		s.name, s.registry, s.args = "crosswalk.csv", w[1], []string{"--format", "crosswalk"}
	case s.kind == "copy" && len(w) == 4 && w[2] == "of":
		s.name, s.of = fileName(w[1]), fileName(w[3])
		i := slices.IndexFunc(c.steps, func(o storeStep) bool { return o.name == s.of })
		if i < 0 {
			return s, fmt.Errorf("no file %s before", w[3])
		}
		s.registry, s.args, s.rows = c.steps[i].registry, c.steps[i].args, c.steps[i].rows
	case (s.kind == "file" || s.kind == "snapshot") && len(w) >= 3:
		s.name, s.registry = fileName(w[1]), w[2]
		if s.kind == "snapshot" {
			s.args = []string{"--mode", "snapshot"}
		}
		for _, word := range w[3:] {
			k, v, _ := strings.Cut(word, "=")
			switch k {
			case "update", "delete":
				s.args = []string{"--action", k}
			case "max-absent":
				s.args = append(s.args, "--max-absent", v)
			case "exit":
				s.exit, err = strconv.Atoi(v)
			default:
				return s, fmt.Errorf("%q", word)
			}
		}
	default:
		return s, fmt.Errorf("%q is no step", strings.Join(w, " "))
	}
	return s, err
}

func fileName(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + "_CAA.txt"
}

// text is what the step's file holds.
func (c *storeCase) text(s storeStep) (string, error) {
	if s.kind == "crosswalk" {
		lines := []string{"entity,old_registry,old_id,new_registry,new_id"}
		for _, r := range s.rows {
			w := strings.Fields(r)
			if len(w) != 3 {
				return "", fmt.Errorf("%q is no row of a crosswalk", r)
			}
			lines = append(lines, strings.Join([]string{w[0], strings.Replace(c.id(w[1]), "/", ",", 1), strings.Replace(c.id(w[2]), "/", ",", 1)}, ","))
		}
		return strings.Join(lines, "\n") + "\n", nil
	}
	bare := slices.Contains(s.args, "delete")
	out := strings.Join(append(header(), extra...), "\t") + "\n"
	for _, r := range s.rows {
		line, err := c.line(r, bare)
		if err != nil {
			return "", err
		}
		out += line + "\n"
	}
	return out, nil
}

// storeCases reads all cases that match.
func storeCases(t *testing.T, glob string) []*storeCase {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join("..", "..", "testdata", "cases", "store-"+glob))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases store-%s: %v", glob, err)
	}
	var out []*storeCase
	families, snapshots := map[string]string{}, map[string]string{}
	for _, dir := range dirs {
		c, err := readStoreCase(dir)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := families[c.family()]; ok {
			t.Fatalf("%s and %s have one family name", c.name, other)
		}
		families[c.family()] = c.name
		for _, s := range c.steps {
			if s.kind == "snapshot" {
				snapshots[s.registry] = c.name
			}
		}
		out = append(out, c)
	}
	for _, c := range out {
		for _, s := range c.steps {
			if owner := snapshots[s.registry]; owner != "" && owner != c.name {
				t.Fatalf("%s and %s use registry %s, which is to have snapshots of one case", c.name, owner, s.registry)
			}
		}
	}
	return out
}
