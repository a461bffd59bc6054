package fhir

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/extract"
)

// Every record that is read gives the same row from a payload that holds only
// what Alone says of its line.
func TestAlone(t *testing.T) {
	files, err := filepath.Glob("../../testdata/cases/fhir-*/input.*")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases found", err)
	}
	rows, less := 0, 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		open := func() (io.ReadCloser, error) {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { f.Close() })
			return extract.Unpack(f)
		}
		in, err := open()
		if err != nil {
			continue
		}
		whole := readFrom(t, in, 0)
		in.Close()
		byLine := map[int64][]int{}
		for i, r := range whole.Rows {
			line := r["line"].(int64)
			byLine[line] = append(byLine[line], i)
		}
		for line, at := range byLine {
			got, err := (&Decoder{}).Alone(open, "in", map[int64]bool{line: true})
			if err != nil {
				t.Fatal(path, err)
			}
			var alone bytes.Buffer
			for _, s := range got.Shared {
				fmt.Fprintf(&alone, "%s\n", s)
			}
			for i, p := range got.Parts {
				fmt.Fprintf(&alone, "%s\n", p.Text)
				if i < len(at) && string(p.Record) != whole.Raw[at[i]] {
					t.Errorf("%s, line %d: the record is %s, want %s", path, line, p.Record, whole.Raw[at[i]])
				}
			}
			less += len(text) - alone.Len()
			again := read(t, alone.Bytes(), 0)
			if len(got.Parts) < len(at) || len(again.Rows) != len(at) {
				t.Errorf("%s, line %d: %d parts and %d rows, want %d", path, line, len(got.Parts), len(again.Rows), len(at))
				continue
			}
			for i, r := range again.Rows {
				rows++
				r["line"] = line
				if fmt.Sprint(r) != fmt.Sprint(whole.Rows[at[i]]) {
					t.Errorf("%s, line %d: %v, want %v", path, line, r, whole.Rows[at[i]])
				}
			}
			if issues := strings.Count(fmt.Sprint(again.Issues), "PATIENT"); issues != 0 && issues > strings.Count(fmt.Sprint(whole.Issues), "PATIENT") {
				t.Errorf("%s, line %d: issues %v, want %v", path, line, again.Issues, whole.Issues)
			}
		}
	}
	if rows < 30 || less <= 0 {
		t.Errorf("%d rows, %d bytes less", rows, less)
	}
}

// What was not asked for, and is not referred to, stays out.
func TestAloneTakesNoMore(t *testing.T) {
	text := `{"resourceType":"Patient","id":"a"}
{"resourceType":"Patient","id":"b"}
{"resourceType":"Organization","id":"o"}
{"resourceType":"Organization","id":"far"}
{"resourceType":"Location","id":"l","managingOrganization":{"reference":"Organization/o"}}
{"resourceType":"Immunization","id":"1","patient":{"reference":"Patient/b"},"location":{"reference":"Location/l"}}
{"resourceType":"Immunization","id":"2","patient":{"reference":"Patient/a"}}
`
	got, err := (&Decoder{}).Alone(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }, "in", map[int64]bool{6: true})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	if want := []string{lines[1], lines[2], lines[4]}; fmt.Sprintf("%s", got.Shared) != fmt.Sprint(want) {
		t.Errorf("%s, want %s", got.Shared, want)
	}
	if len(got.Parts) != 1 || string(got.Parts[0].Text) != lines[5] || got.Parts[0].Line != 6 {
		t.Errorf("%+v", got.Parts)
	}
}
