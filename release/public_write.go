package release

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release/suppress"
)

// redacted is what a row of the ZIP table says when a count in it is hidden.
const redacted = "Yes: counts of 1 to 10, and what would give them away, are left empty"

// files writes all but the manifest.
func (p *publication) files(dir string) (out []File, err error) {
	save := func(name string, rows int, text []byte) error {
		out = append(out, File{Path: name, Bytes: int64(len(text)), SHA256: hashHex(text), Rows: int64(rows)})
		return durable.WriteFile(filepath.Join(dir, name), text)
	}
	var changed [][]string
	for n, t := range p.out {
		before, err := p.store.table(p.before, n)
		if err != nil {
			return nil, err
		}
		switch {
		case t == nil: // held: it stays as it was
			p.out[n], p.said[n].Rows = before, len(before.Rows)
			changed = append(changed, []string{publicNames[n], "", "", "", "", "held: the table stays as it was and its new rows come later"})
		case n == byZIP:
			redact(t)
			fallthrough
		case appended(n):
			t.Rows = append(before.Rows, t.Rows...)
			p.said[n].Rows = len(t.Rows)
		default:
			changed = append(changed, changes(n, before, t, publicRules()[n].Counts)...)
		}
	}
	p.out = append(p.out, state(p.out[byCountyDemographic]))
	for n, t := range p.out {
		var text bytes.Buffer
		if err := t.WriteCSV(&text); err != nil {
			return nil, err
		}
		asJSON, err := rowsJSON(t)
		err = errors.Join(err, save(publicNames[n]+".csv", len(t.Rows), text.Bytes()), save(publicNames[n]+".json", len(t.Rows), asJSON))
		if err != nil {
			return nil, err
		}
	}
	var text bytes.Buffer
	log := &suppress.Table{Columns: []string{"table", "row", "column", "before", "after", "why"}, Rows: changed}
	if err := errors.Join(log.WriteCSV(&text), save("changes.csv", len(changed), text.Bytes())); err != nil {
		return nil, err
	}
	if err := save("definitions.md", 0, definitionsText()); err != nil {
		return nil, err
	}
	described, err := dataPackage(p.asOf, p.out, out)
	return out, errors.Join(err, save("datapackage.json", 0, described))
}

// state are the state's rows of the table by county and group.
func state(t *suppress.Table) *suppress.Table {
	out := newTable(publicNames[byDemographic], t.Columns[1:])
	for _, row := range t.Rows {
		if row[0] == allCA {
			put(out, row[1:])
		}
	}
	return out
}

// table reads a table as it was published.
func (s Public) table(day string, n int) (*suppress.Table, error) {
	if day == "" {
		return &suppress.Table{}, nil
	}
	f, err := os.Open(filepath.Join(s.Dir, day, publicNames[n]+".csv"))
	if errors.Is(err, fs.ErrNotExist) {
		return &suppress.Table{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return suppress.ReadCSV(f, publicNames[n])
}

func redact(t *suppress.Table) {
	for _, row := range t.Rows {
		if slices.Contains(row[len(row)-1-len(zipCounts):len(row)-1], "") {
			row[len(row)-1] = redacted
		}
	}
}

// changes lists what is published otherwise than before, and why as far as may
// be said.
func changes(table int, before, now *suppress.Table, columns []string) (out [][]string) {
	keys := slices.Index(now.Columns, columns[0])
	old := map[string][]string{}
	for _, row := range before.Rows {
		old[strings.Join(row[:keys], ", ")] = row
	}
	note := func(key, column, was, is string) {
		why := "restated: late or corrected reports"
		switch {
		case was == is:
			return
		case is == "":
			why = "hidden: the number or its change is 10 or less, or would give one away"
		case was == "":
			why = "shown: neither the number nor its change is 10 or less any more"
		}
		out = append(out, []string{publicNames[table], key, column, was, is, why})
	}
	for _, row := range now.Rows {
		key := strings.Join(row[:keys], ", ")
		if was, ok := old[key]; ok {
			for i, c := range columns {
				note(key, c, was[keys+i], row[keys+i])
			}
			delete(old, key)
		}
	}
	for _, row := range before.Rows { // no dose left there
		key := strings.Join(row[:keys], ", ")
		if old[key] != nil {
			for i, c := range columns {
				note(key, c, row[keys+i], "0")
			}
		}
	}
	return out
}

// rowsJSON is the table as a JSON array of arrays, the first with the columns:
// the form that Frictionless readers take and that repeats no name.
func rowsJSON(t *suppress.Table) ([]byte, error) {
	number := make([]bool, len(t.Columns))
	for i, c := range t.Columns {
		number[i] = publicField(c).Type == "integer"
	}
	var b bytes.Buffer
	head, err := json.Marshal(t.Columns)
	b.WriteString("[")
	b.Write(head)
	line := make([]json.RawMessage, len(t.Columns))
	for _, row := range t.Rows {
		for i, v := range row {
			line[i] = json.RawMessage(cmp.Or(v, "null"))
			if v != "" && !number[i] {
				if line[i], err = json.Marshal(v); err != nil {
					return nil, err
				}
			}
		}
		text, err := json.Marshal(line)
		if err != nil {
			return nil, err
		}
		b.WriteString(",\n")
		b.Write(text)
	}
	b.WriteString("]\n")
	return b.Bytes(), err
}
