package fhir

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecode holds, for any text: no panic, records = rows + rejects (read
// checks it), valid UTF-8 without NUL in every cell, lines within the text,
// records that are part of it, nothing left on disk, and the same whatever the
// block size and whatever is kept in memory.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("../../testdata/cases/fhir-*/input.*json")
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in, uint16(300))
	}
	f.Add([]byte("{\"resourceType\":\"Immunization\"\n}"), uint16(1))
	f.Add([]byte("[{\"resourceType\":\"Patient\"},\n{\"resourceType\":\"Immunization\",\"patient\":{\"reference\":\"#\"}}]"), uint16(1))
	f.Fuzz(func(t *testing.T, in []byte, size uint16) {
		got := read(t, in, int(size))
		lines := int64(bytes.Count(in, []byte("\n"))) + 1
		for i, row := range got.Rows {
			if line := row["line"].(int64); line < 1 || line > lines {
				t.Fatalf("row %d has line %d of %d", i, line, lines)
			}
			for name, v := range row {
				if s, ok := v.(string); ok && (s == "" || !utf8.ValidString(s) || strings.Contains(s, "\x00")) {
					t.Fatalf("row %d: %s holds %q", i, name, s)
				}
			}
			if !bytes.Contains(in, []byte(got.Raw[i])) {
				t.Fatalf("row %d: its record is no part of the payload", i)
			}
		}
		for _, r := range got.Rejects {
			if r.Line < 1 || r.Line > lines || !bytes.Contains(in, []byte(r.Record)) {
				t.Fatalf("a reject of line %d of %d, or one that is no part of the payload", r.Line, lines)
			}
		}
		other := read(t, in, int(size)*7+65)
		if got.Blocks, other.Blocks = 0, 0; !reflect.DeepEqual(got, other) {
			t.Fatal("the block size makes a difference")
		}
	})
}
