package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// bad is one kind of input that is not what it should be.
type bad struct {
	name, file string
	bytes      string
	args       []string // in place of a plain ingest of the file
	code       int
	says       []string
	records    int64 // of the file, when it was loaded
	rejects    int64
	codes      string // of its issues
}

func badInputs(t *testing.T) []bad {
	good := func(n int, change ...fields) string {
		var rows []string
		for i := range n {
			f := fields{}
			if i < len(change) {
				f = change[i]
			}
			rows = append(rows, row(fmt.Sprintf("bad-%d", i), f))
		}
		return cvrsText(rows...)
	}
	plain := good(40)
	lines := strings.SplitAfter(plain, "\r\n")
	return []bad{
		{name: "HTML", file: "page.txt", bytes: "<!DOCTYPE html><html><body>Sign in</body></html>\n", code: 2, says: []string{"page.txt", "FMT_003"}},
		{name: "commas", file: "commas.csv", bytes: strings.ReplaceAll(plain, "\t", ","), code: 2, says: []string{"commas.csv", "FMT_001", "tab"}},
		{name: "UTF-16", file: "wide.txt", bytes: wide(plain), code: 2, says: []string{"wide.txt", "UTF-16", "UTF-8"}},
		{name: "cut gzip", file: "cut.txt.gz", bytes: cutGzip(t, plain), code: 2, says: []string{"cut.txt.gz", "cut short", "again"}},
		{name: "zip of two", file: "two.zip", bytes: zipOf(t, "a.txt", "b.txt"), code: 2, says: []string{"two.zip", "2 files"}},
		{name: "empty", file: "none.txt", code: 2, says: []string{"none.txt", "empty"}},
		{name: "binary", file: "image.png", bytes: "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\xff\x10", 400), code: 2, says: []string{"image.png"}},
		{name: "missing file", args: []string{"--registry", "CAIR2", "/nowhere/file.txt"}, code: 2, says: []string{"/nowhere/file.txt", "no such file"}},
		{name: "a device", args: []string{"--registry", "CAIR2", os.DevNull}, code: 2, says: []string{"null", "no regular file"}},
		{name: "no path", args: []string{"--registry", "CAIR2"}, code: 2, says: []string{"ingest --help"}},
		{name: "no registry", args: []string{"x.txt"}, code: 2, says: []string{"registry", "ingest --help"}},
		{name: "bad registry", args: []string{"--registry", "../etc", "x.txt"}, code: 2, says: []string{"registry", "A-Z"}},
		{name: "bad action", args: []string{"--registry", "CAIR2", "--action", "replace", "x.txt"}, code: 2, says: []string{"replace", "add, update, delete"}},
		{name: "bad format", args: []string{"--registry", "CAIR2", "--format", "doc", "x.txt"}, code: 2, says: []string{"doc"}},
		{name: "unknown flag", args: []string{"--registry", "CAIR2", "--force", "x.txt"}, code: 2, says: []string{"--force", "--help"}},
		{name: "header only", file: "20240101_01_CAA.txt", bytes: cvrsText(), code: 0},
		{name: "NUL bytes", file: "20240102_01_CAA.txt", bytes: good(40, fields{"recip_last_name": "A\x00B"}), code: 0, records: 40, rejects: 1},
		{name: "10 MB line", file: "20240103_01_CAA.txt", code: 0, records: 41, rejects: 1,
			bytes: plain + row("huge", fields{"lot_number": strings.Repeat("L", 10<<20)}) + "\r\n"},
		{name: "ragged rows", file: "20240104_01_CAA.txt", code: 0, records: 42, rejects: 1, codes: "EXTRA_FIELDS",
			bytes: plain + "ragged\tI\t\tR\r\n" + row("long", nil) + "\tmore\tand more\r\n"},
		{name: "Latin-1", file: "20240105_01_CAA.txt", bytes: good(40, fields{"recip_last_name": "Mu\xf1oz"}), code: 0, records: 40, codes: "ADD_OF_KNOWN NOT_UTF8"},
		{name: "just 5 % refused", file: "20240106_01_CAA.txt", bytes: good(40, fields{"admin_date": "x"}, fields{"admin_date": ""}), code: 0, records: 40, rejects: 2},
		{name: "more than 5 % refused", file: "20240107_01_CAA.txt", code: 7, says: []string{"3 of 40", "5 %", "20240107_01_CAA.txt"}, records: 40, rejects: 3,
			bytes: good(40, fields{"vax_event_id": ""}, fields{"admin_date": "2021-02-30"}, fields{"cvx": "", "ndc": "1"})},
		{name: "no end of line at the end", file: "20240108_01_CAA.txt", bytes: strings.TrimRight(good(3), "\r\n"), code: 0, records: 3, codes: "ADD_OF_KNOWN"}, // its name is Ann again
		{name: "all refused", file: "20240109_01_CAA.txt", bytes: lines[0] + strings.Repeat("\t\r\n", 3), code: 7, records: 3, rejects: 3},
	}
}

func wide(text string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func cutGzip(t *testing.T, text string) string {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return z.String()[:z.Len()*3/4]
}

func zipOf(t *testing.T, names ...string) string {
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	for _, n := range names {
		f, err := w.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(cvrsText(row(n, nil)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.String()
}

const howMany = "select concat_ws(' ', (select count(*) from dose_event), (select count(*) from dose), (select count(*) from recipient), (select sum(total_doses) from county_day), (select count(*) from segment))"

// position is the number of entries in the ledger.
func (d data) position(t *testing.T) int64 {
	t.Helper()
	return parse[struct{ Ledger int64 }](t, d.ok(t, "warehouse", "status", "--json")).Ledger
}

// Whatever comes in, the message says what to do, the release that is there
// stays readable, and nothing is loaded by half.
func TestBadInput(t *testing.T) {
	t.Parallel()
	d := newData(t)
	first := write(t, "20240101_09_CAA.txt", cvrsText(row("one", nil), row("two", fields{"admin_date": "2021-04-01"})))
	d.load(t, "--registry", "CAIR2", first)
	d.ok(t, "release", "build")
	before, position := d.count(t, howMany), d.position(t)
	for _, b := range badInputs(t) {
		args := append([]string{"ingest", "--json"}, b.args...)
		if b.args == nil {
			args = append(args, "--registry", "CAIR2", write(t, b.file, b.bytes))
		}
		r := d.try(t, args...)
		if r.code != b.code {
			t.Errorf("%s: exit %d, want %d: %s", b.name, r.code, b.code, r.err)
			continue
		}
		for _, part := range b.says {
			if !strings.Contains(r.err, part) {
				t.Errorf("%s: the message does not say %q: %s", b.name, part, r.err)
			}
		}
		if strings.Contains(r.err, "goroutine") || len(r.err) > 1000 {
			t.Errorf("%s: the message is too long: %.200s", b.name, r.err)
		}
		if b.args == nil {
			p := reportOf(t, r.out).Payloads[0]
			if p.Records != b.records || p.Rejects != b.rejects || effectOf(p).codes != b.codes || (p.Error != "") != (b.code == 2) {
				t.Errorf("%s: %d records, %d rejects, %v, %q", b.name, p.Records, p.Rejects, p.Issues, p.Error)
			}
		}
		if got := d.count(t, howMany); got != before {
			t.Errorf("%s: the release has %s, was %s", b.name, got, before)
		}
		after := d.position(t)
		if entered := after > position; entered == (b.code == 2) {
			t.Errorf("%s: the ledger went from %d to %d", b.name, position, after)
		}
		position = after
	}
	d.ok(t, "release", "build")
	if left := d.unfinished(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	d.sound(t)
	// bad-0 to bad-39, long, huge refused, one and two: each once.
	if n := d.count(t, "select concat_ws(' ', count(*), count(distinct vax_event_id)) from dose_event"); n != "43 43" {
		t.Errorf("%s events in the end", n)
	}
}

// One bad file among good ones: the good ones are loaded, the exit is 2, and
// the same call again changes nothing.
func TestOneBadAmongGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"20240101_01_CAA.txt": cvrsText(row("g1", nil)), "20240102_01_CAA.txt": "<html>", "20240103_01_CAA.txt": cvrsText(row("g2", nil)),
		".hidden": "not looked at"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := newData(t)
	rep := reportOf(t, d.exits(t, 2, "ingest", "--json", "--registry", "CAIR2", dir, "/nowhere").out)
	if rep.Totals.Payloads != 3 || rep.Totals.Failed != 1 || rep.Totals.Adds != 2 {
		t.Errorf("%+v", rep.Totals)
	}
	rep = reportOf(t, d.exits(t, 2, "ingest", "--json", "--registry", "CAIR2", dir).out)
	if rep.Totals.Duplicates != 2 || rep.Totals.Failed != 1 || rep.Totals.Adds != 0 {
		t.Errorf("again: %+v", rep.Totals)
	}
	d.ok(t, "release", "build")
	if n := d.count(t, "select concat_ws(' ', (select count(*) from dose_event), (select count(*) from segment))"); n != "2 2" {
		t.Errorf("loaded %s", n)
	}
	d.sound(t)
}
