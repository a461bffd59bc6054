package cvrs

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecode holds, for any text behind a header: no panic, a record for each
// line that is not blank, valid UTF-8 in every cell, the line as received for
// every row, and the same whatever the block size.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "\n", "\r\n\r\n", "a\tb\n", "\x00\n", line("vax_event_id", `"E""1"`, "serology", "\xe9") + "\r\n", line("recip_id", "x") + "\t\t\r"} {
		f.Add([]byte(s), uint16(100))
	}
	f.Add(messy(rand.New(rand.NewPCG(7, 8)), 20), uint16(3000))
	f.Fuzz(func(t *testing.T, body []byte, size uint16) {
		head := headerLine() + "\n"
		text := append([]byte(head), body...)
		got := read(t, text, int(size))
		if got.Error != "" {
			t.Fatal(got.Error)
		}
		var lines []string
		for l := range bytes.Lines(body) {
			if l := trimEnd(l); len(l) > 0 {
				lines = append(lines, string(l))
			}
		}
		if int(got.Records) != len(lines) {
			t.Fatalf("%d records, want %d", got.Records, len(lines))
		}
		at := 0
		for i, row := range got.Rows {
			for name, v := range row {
				if s, ok := v.(string); ok && (s == "" || !utf8.ValidString(s) || strings.ContainsAny(s, "\t\n\x00")) {
					t.Fatalf("row %d: %s holds %q", i, name, s)
				}
			}
			for at < len(lines) && lines[at] != got.Raw[i] {
				at++
			}
		}
		if at == len(lines) && len(got.Rows) > 0 {
			t.Fatal("a row's record is no line of the payload, or out of order")
		}
		other := read(t, text, int(size)*7+65)
		if got.Blocks, other.Blocks = 0, 0; !reflect.DeepEqual(got, other) {
			t.Fatal("the block size makes a difference")
		}
	})
}
