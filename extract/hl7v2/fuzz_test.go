package hl7v2

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
// checks it), no RXA of a message without one of the two, valid UTF-8 in every
// cell, a line within the text, records that are part of it, and the same
// whatever the block size.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("../../testdata/cases/hl7-*/input.hl7")
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in, uint16(300))
	}
	f.Add([]byte("MSH|^~\\&|\rBTS\rPID|\r\n\nORC\rRXA|\\X41\\|\rMSH|"), uint16(1))
	f.Fuzz(func(t *testing.T, in []byte, size uint16) {
		got := read(t, in, int(size))
		if got.Error != "" {
			return
		}
		lines := int64(bytes.Count(in, []byte("\r"))+bytes.Count(in, []byte("\n"))) + 1
		last := int64(0)
		for i, row := range got.Rows {
			line := row["line"].(int64)
			if line <= last || line > lines {
				t.Fatalf("row %d has line %d, the one before %d, of %d", i, line, last, lines)
			}
			last = line
			for name, v := range row {
				if s, ok := v.(string); ok && (s == "" || !utf8.ValidString(s) || strings.Contains(s, "\x00")) {
					t.Fatalf("row %d: %s holds %q", i, name, s)
				}
			}
			if !strings.Contains(got.Raw[i], "RXA") {
				t.Fatalf("row %d: its record holds no RXA", i)
			}
		}
		for _, r := range got.Rejects {
			if r.Line < 1 || r.Line > lines {
				t.Fatalf("a reject has line %d of %d", r.Line, lines)
			}
		}
		other := read(t, in, int(size)*7+65)
		if got.Blocks, other.Blocks = 0, 0; !reflect.DeepEqual(got, other) {
			t.Fatal("the block size makes a difference")
		}
	})
}

// Many orders behind a long head must not multiply the head.
func TestMemoryOfRecords(t *testing.T) {
	head := strings.Join([]string{msh, pid, "NTE|" + strings.Repeat("x", 60<<10)}, "\r") + "\r"
	good := strings.Repeat("ORC|||1\rRXA|0|1|2021\r", (maxMessage-len(head))/21)
	bad := strings.Repeat("RXA|\r", (maxMessage-len(head))/5)
	for name, in := range map[string]string{"rows": head + good, "rejects": head + bad} {
		got := read(t, []byte(in), 0)
		n := 0
		for _, r := range got.Raw {
			n += len(r)
		}
		for _, r := range got.Rejects {
			n += len(r.Record)
		}
		if got.Records < 40_000 || n > keptInAll+2*maxMessage {
			t.Errorf("%s: %d records keep %d bytes", name, got.Records, n)
		}
	}
}
