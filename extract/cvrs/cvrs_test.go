package cvrs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/extracttest"
)

// plainly decodes well-formed text the slow, obvious way.
func plainly(text []byte) (rows []map[string]any) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	names := strings.Split(strings.ToLower(strings.TrimSuffix(lines[0], "\r")), "\t")
	for i, l := range lines[1:] {
		row := map[string]any{"line": int64(i + 2)}
		for k, cell := range strings.Split(strings.TrimSuffix(l, "\r"), "\t") {
			if cell != "" {
				row[names[k]] = cell
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func TestSamples(t *testing.T) {
	for name, rejects := range map[string]int{"testgood.txt": 0, "testgoodv1.txt": 1} { // its last line lacks the last column
		t.Run(name, func(t *testing.T) {
			text := sample(t, name)
			got := read(t, text, 0)
			if got.Error != "" || len(got.Rejects) != rejects || len(got.Issues) > 0 {
				t.Fatalf("a good file gave error %q, rejects %v, issues %v", got.Error, got.Rejects, got.Issues)
			}
			if want := plainly(text); !reflect.DeepEqual(got.Rows, want[:len(want)-rejects]) {
				t.Errorf("got %d rows, want %d, or they differ", len(got.Rows), len(want))
			}
		})
	}
	if got := read(t, sample(t, "testgoodv1.txt"), 0); !hasCell(got, "recip_missed_appt", "Yes") || !hasCell(got, "vax_prov_suffix", "LPN") {
		t.Error("version 1's two columns were not read")
	}
	if got := read(t, sample(t, "testdefault.txt"), 0); got.Error != "" || got.Records != 51 {
		t.Errorf("testdefault.txt: error %q, %d records, want 51", got.Error, got.Records)
	}
}

func hasCell(o extracttest.Outcome, name, value string) bool {
	return slices.ContainsFunc(o.Rows, func(r map[string]any) bool { return r[name] == value })
}

// The codes are those of the .rpt files beside CDC's samples.
func TestSamplesRefused(t *testing.T) {
	for name, want := range map[string][]string{
		"empty.txt":              {"FMT_003"},
		"notacvrs.txt":           {"FMT_001", "FMT_003"},
		"testMissingHeaders.txt": {"FMT_004"},
	} {
		_, err := new(Decoder).Open(bytes.NewReader(sample(t, name)), name)
		if got := codes(err); !slices.Equal(got, want) || !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v: codes %v, want %v", name, err, got, want)
		}
	}
	_, err := new(Decoder).Open(bytes.NewReader(sample(t, "testMissingHeaders.txt")), "x")
	if list := "[recip_race_2, recip_race_3, recip_race_4, recip_race_5, recip_race_6]"; !strings.Contains(err.Error(), list) {
		t.Errorf("%v does not name %s", err, list)
	}
}

func codes(err error) (out []string) {
	var f *extract.Fault
	if errors.As(err, &f) {
		for _, x := range f.Findings {
			out = append(out, x.Code)
		}
	}
	return out
}

func TestGeneratedAsPlainly(t *testing.T) {
	text := generate(3000)
	want := plainly(text)
	for _, ends := range []string{"\n", "\r\n"} {
		text := bytes.ReplaceAll(text, []byte("\n"), []byte(ends))
		if got := read(t, text, 0); !reflect.DeepEqual(got.Rows, want) || len(got.Issues) > 0 {
			t.Errorf("line end %q: rows differ, or issues: %v", ends, got.Issues)
		}
	}
}

// messy makes text with everything a line can have wrong.
func messy(rnd *rand.Rand, lines int) []byte {
	cells := []string{"", "", "a", "A long cell with more than sixteen bytes", "x\ry", `"quoted"`, `""`, `"in ""side"" it"`, `"Drive" in "Thru"`,
		`"A long quoted cell with ""more"" than 16"`, "Jos\xe9", "\x80\x81 na\xefve long windows cell", "José", " pad ", "\x0b", "\x08x\x0c", "exactly16bytes!!", "7 bytes", "8 bytes!", `"`, "\x01"}
	ends := []string{"\n", "\n", "\r\n"}
	var b bytes.Buffer
	b.WriteString(headerLine() + "\tother\r\n")
	for range lines {
		n := dose.CVRSColumns + 1
		switch rnd.IntN(12) {
		case 0:
			n = rnd.IntN(n)
		case 1:
			n += rnd.IntN(4)
		case 2:
			b.WriteString(ends[rnd.IntN(3)])
			continue
		case 3:
			b.WriteString("\x00")
		}
		for k := range n {
			if k > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(cells[rnd.IntN(len(cells))])
		}
		b.WriteString(ends[rnd.IntN(3)])
	}
	b.WriteString("last line without an end")
	return b.Bytes()
}

func TestBlockSizeMakesNoDifference(t *testing.T) {
	text := messy(rand.New(rand.NewPCG(3, 4)), 1500)
	want := read(t, text, 1<<20)
	if want.Error != "" || len(want.Rows) < 1000 || len(want.Rejects) < 100 || len(want.Issues) < 1000 {
		t.Fatalf("weak test: error %q, %d rows, %d rejects, %d issues", want.Error, len(want.Rows), len(want.Rejects), len(want.Issues))
	}
	for _, size := range []int{64, 1000, 4096, 65536, 70000} {
		got := readFrom(t, iotest.HalfReader(bytes.NewReader(text)), size)
		if got.Blocks <= want.Blocks {
			t.Errorf("blocks of %d: only %d", size, got.Blocks)
		}
		got.Blocks = want.Blocks
		if !reflect.DeepEqual(got, want) {
			t.Errorf("blocks of %d: %d rows, %d rejects, %d issues; want %d, %d, %d, or they differ", size,
				len(got.Rows), len(got.Rejects), len(got.Issues), len(want.Rows), len(want.Rejects), len(want.Issues))
		}
	}
}

func TestHeaderOrderCaseAndQuotes(t *testing.T) {
	names := strings.Split(headerLine(), "\t")
	row := make([]string, len(names))
	for i := range names {
		row[i] = fmt.Sprint("value ", i)
	}
	want := read(t, []byte(strings.Join(names, "\t")+"\n"+strings.Join(row, "\t")+"\n"), 0).Rows
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(names), func(i, j int) {
		names[i], names[j] = names[j], names[i]
		row[i], row[j] = row[j], row[i]
	})
	for i := range names {
		names[i] = [...]string{strings.ToUpper(names[i]), `"` + names[i] + `"`, names[i] + " "}[i%3]
	}
	got := read(t, []byte("\ufeff"+strings.Join(names, "\t")+"\r\n"+strings.Join(row, "\t")), 0)
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("got %v %v, want %v", got.Error, got.Rows, want)
	}
}

func TestColumnsBeyondCVRS(t *testing.T) {
	text := headerLine() + "\taction\tprotection\trecip_phone\tline\tcolour\n" + line("vax_event_id", "E1") + "\tD\tY\t555\t99\tred\n"
	got := read(t, []byte(text), 0)
	want := []map[string]any{{"vax_event_id": "E1", "action": "D", "protection": "Y", "recip_phone": "555", "line": int64(2)}}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("got %v %v", got.Error, got.Rows)
	}
	if want := []extracttest.Issue{{Row: -1, Code: "FMT_002"}}; !reflect.DeepEqual(got.Issues, want) {
		t.Errorf("issues %v, want one on the file", got.Issues)
	}
}

func TestHeaderAlone(t *testing.T) {
	for _, text := range []string{headerLine(), headerLine() + "\r\n", headerLine() + "\n\n\r\n"} {
		if got := read(t, []byte(text), 0); got.Error != "" || got.Records != 0 || len(got.Issues) > 0 {
			t.Errorf("got %+v", got)
		}
	}
	if got := read(t, []byte(headerLine()+"\tcolour\n"), 0); len(got.Issues) != 1 {
		t.Errorf("unknown column in a file without records: issues %v", got.Issues)
	}
}

func TestRefusals(t *testing.T) {
	whole := headerLine() + "\n" + line("vax_event_id", "SECRET") + "\n"
	utf16 := make([]byte, 0, 2*len(whole))
	for _, c := range []byte(whole) {
		utf16 = append(utf16, c, 0)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "is empty"},
		"blank":           {" \r\n\n", "is empty"},
		"web page":        {"<!DOCTYPE html>\n<html>SECRET</html>", "web page"},
		"UTF-16 with BOM": {"\xff\xfe" + string(utf16), "UTF-16"},
		"UTF-16 without":  {string(utf16), "UTF-16"},
		"comma separated": {strings.ReplaceAll(whole, "\t", ","), "this is comma separated; CVRS is tab separated"},
		"no header":       {line("vax_event_id", "SECRET", "recip_last_name", "SECRET") + "\n", "FMT_003"},
		"no tabs":         {"SECRET\n", "FMT_001"},
		"one missing":     {strings.Replace(whole, "\tcvx\t", "\txvc\t", 1), "FMT_004 the file is missing headers [cvx]"},
		"one twice":       {strings.Replace(whole, "serology", "serology\tCVX", 1), "FMT_002 the header names columns twice [cvx]"},
		"endless line":    {strings.Repeat("SECRET", 400_000), "no header line"},
		"Parquet":         {"PAR1" + strings.Repeat("\x15\x00\x00", 99), "Parquet"},
		"noise":           {strings.Repeat("\x01\x9f\x07\x02", 99), "binary"},
	} {
		_, err := new(Decoder).Open(strings.NewReader(c.text), "in.txt")
		switch {
		case err == nil:
			t.Errorf("%s: was accepted", name)
		case !errors.Is(err, dose.ErrInvalid), !strings.Contains(err.Error(), c.want), !strings.HasPrefix(err.Error(), "in.txt: "):
			t.Errorf("%s: %v", name, err)
		case strings.Contains(err.Error(), "SECRET"):
			t.Errorf("%s: the error holds a value: %v", name, err)
		}
	}
}

// lineSource is a payload with one endless line, made as it is read. It looks
// at what the heap holds while the line goes by.
type lineSource struct {
	head io.Reader
	left int
	tail io.Reader
	most uint64 // bytes of live objects
}

func (s *lineSource) Read(p []byte) (int, error) {
	if n, err := s.head.Read(p); n > 0 || err != io.EOF {
		return n, err
	}
	if s.left == 0 {
		return s.tail.Read(p)
	}
	const look = 1 << 20 // one look for so many bytes
	n := min(len(p), s.left, look)
	if s.left/look != (s.left-n)/look {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		s.most = max(s.most, m.HeapAlloc)
	}
	for i := range p[:n] {
		p[i] = 'x'
	}
	s.left -= n
	return n, nil
}

func TestLongLineInBoundedMemory(t *testing.T) {
	const long = 48 << 20
	for _, size := range []int{64 << 10, 4 << 20, 16 << 20} {
		src := &lineSource{head: strings.NewReader(headerLine() + "\n" + line("vax_event_id", "E1") + "\n"), left: long, tail: strings.NewReader("\r\n" + line("vax_event_id", "E2") + "\n")}
		var before runtime.MemStats
		runtime.GC()
		runtime.GC() // a pool lets go at the second
		runtime.ReadMemStats(&before)
		got := readFrom(t, src, size)
		if used, bound := int(src.most)-int(before.HeapAlloc), 2*size+8<<20; used > bound {
			t.Errorf("blocks of %d: %d bytes held, want at most %d", size, used, bound)
		}
		want := []extracttest.Reject{{Line: 3, Code: "LINE_TOO_LONG", Record: strings.Repeat("x", keptOfLong)}}
		if !reflect.DeepEqual(got.Rejects, want) || len(got.Rows) != 2 || got.Rows[1]["line"] != int64(4) {
			t.Errorf("blocks of %d: %d rejects, rows %v %s", size, len(got.Rejects), got.Rows, got.Error)
		}
	}
}

func TestLineLimit(t *testing.T) {
	for _, size := range []int{64 << 10, 4 << 20} {
		for extra, rejects := range map[int]int{0: 0, 1: 1} {
			cell := strings.Repeat("y", maxLine+extra-(dose.CVRSColumns-1))
			for _, end := range []string{"\n", "\r\n", ""} {
				got := read(t, []byte(headerLine()+"\n"+line("lot_number", cell)+end), size)
				if len(got.Rejects) != rejects || len(got.Rows) != 1-rejects {
					t.Errorf("blocks of %d, limit %+d, end %q: %d rejects, %d rows", size, extra, end, len(got.Rejects), len(got.Rows))
				}
			}
		}
	}
}

// A source that breaks off must never look like one that ended.
func TestSourceFails(t *testing.T) {
	text := generate(300)
	for _, at := range []int{0, 10, 1000, 50_000} {
		got := readFrom(t, io.MultiReader(bytes.NewReader(text[:at]), iotest.ErrReader(errors.New("cable cut"))), 4096)
		if !strings.Contains(got.Error, "cable cut") {
			t.Errorf("cut at %d: error %q", at, got.Error)
		}
	}
}

func TestDoneTwiceAndRowsAfterDone(t *testing.T) {
	d := &Decoder{BlockSize: 4096}
	r, err := d.Open(bytes.NewReader(generate(100)), "in.txt")
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	batch, _ := b.Decode()
	defer batch.Rows.Release()
	before := extracttest.Rows(t, batch.Rows)
	batch.Done()
	batch.Done()
	for { // reuse of the block's memory
		b, err := r.Next()
		if err != nil {
			break
		}
		next, _ := b.Decode()
		next.Rows.Release()
		next.Done()
	}
	if !reflect.DeepEqual(extracttest.Rows(t, batch.Rows), before) {
		t.Error("rows changed after Done")
	}
}

// Blocks are decoded side by side, out of order, by workers that share the
// decoder's buffers; what is read is the same.
func TestSideBySide(t *testing.T) {
	text := messy(rand.New(rand.NewPCG(9, 10)), 600)
	want := read(t, text, 1<<20)
	d := &Decoder{BlockSize: 8 << 10}
	for range 3 {
		r, err := d.Open(bytes.NewReader(text), "in.txt")
		if err != nil {
			t.Fatal(err)
		}
		var parts []chan []map[string]any
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			part := make(chan []map[string]any, 1)
			parts = append(parts, part)
			go func() {
				batch, _ := b.Decode()
				batch.Done()
				part <- extracttest.Rows(t, batch.Rows)
				batch.Rows.Release()
			}()
		}
		var got []map[string]any
		for _, part := range parts {
			got = append(got, <-part...)
		}
		if !reflect.DeepEqual(got, want.Rows) {
			t.Fatalf("%d rows, want %d, or they differ", len(got), len(want.Rows))
		}
	}
}
