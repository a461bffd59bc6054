package fhir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/zeebo/xxh3"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

const (
	anImmunization = `{"resourceType":"Immunization","id":"i1","status":"completed","patient":{"reference":"Patient/p1"}}`
	aPatient       = `{"resourceType":"Patient","id":"p1","birthDate":"1980-03-05"}`
)

// sample reads a file that no one here wrote.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../../shared/data/fhir/" + name)
	if err != nil {
		if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "data") {
			t.Fatal(err)
		}
		t.Skip("put the FHIR samples (SMART bulk data server, a Synthea patient, CDC's CDSi cases) into ../shared/data/fhir beside the repository to run this")
	}
	return text
}

// count counts the rows in which a column holds something.
func count(rows []map[string]any, column string) (n int) {
	for _, r := range rows {
		if r[column] != nil {
			n++
		}
	}
	return n
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		files        string
		rows, covid  int
		withoutABorn int
	}{
		{"smart-bulk-server/Immunization.ndjson smart-bulk-server/Patient.ndjson", 1287, 0, 0},
		{"smart-bulk-server/Patient.ndjson smart-bulk-server/Immunization.ndjson", 1287, 0, 0},
		{"smart-bulk-server/Immunization.ndjson", 1287, 0, 1287},
		{"smart-bulk-server/Patient.ndjson", 0, 0, 0},
		{"synthea-patient/Immunization.ndjson synthea-patient/Patient1.ndjson", 15, 2, 0},
		{"cdsi/healthyTestCases.ndjson", 2302, 3, 0},
	} {
		var text []byte
		for _, f := range strings.Fields(c.files) {
			text = append(append(text, sample(t, f)...), '\n')
		}
		got := read(t, text, 0)
		covid := 0
		for _, r := range got.Rows {
			if r["cvx"] == "208" {
				covid++
			}
		}
		if got.Error != "" || len(got.Rejects) > 0 || len(got.Rows) != c.rows || covid != c.covid || len(got.Rows)-count(got.Rows, "recip_dob") != c.withoutABorn ||
			count(got.Rows, "vax_event_id") != c.rows || count(got.Rows, "admin_date") != c.rows || count(got.Rows, "cvx") != c.rows || count(got.Rows, "recip_id") != c.rows {
			t.Errorf("%s: %d rows, %d of CVX 208, %d with a birth date, %d rejects %s", c.files, len(got.Rows), covid, count(got.Rows, "recip_dob"), len(got.Rejects), got.Error)
		}
	}
}

// TestBlocks reads an export in one block and in many, from memory and from
// disk, and with its lines in another order: the rows are the same.
func TestBlocks(t *testing.T) {
	var b bytes.Buffer
	generate(&b, 500, 250)
	one := read(t, b.Bytes(), 0)
	if one.Blocks != 1 || len(one.Rows) != 500 || len(one.Issues) > 0 {
		t.Fatal(one.Blocks, len(one.Rows), one.Issues)
	}
	many := read(t, b.Bytes(), 3000)
	if many.Blocks < 100 {
		t.Fatal(many.Blocks)
	}
	if one.Blocks, many.Blocks = 0, 0; !reflect.DeepEqual(one, many) {
		t.Error("many blocks differ from one")
	}
	slow := readFrom(t, iotest.OneByteReader(bytes.NewReader(b.Bytes())), 3000)
	if slow.Blocks = 0; !reflect.DeepEqual(one, slow) {
		t.Error("reading byte by byte makes a difference")
	}
	list := strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
	list[len(list)-1] += "\n"
	slices.Reverse(list)
	turned := read(t, []byte(strings.Join(list, "")), 3000)
	slices.Reverse(turned.Rows)
	for i := range turned.Rows {
		turned.Rows[i]["line"] = one.Rows[i]["line"]
	}
	if !reflect.DeepEqual(one.Rows, turned.Rows) {
		t.Error("the order of the lines makes a difference")
	}
}

// TestSideBySide decodes blocks on several goroutines, after the reader is done.
func TestSideBySide(t *testing.T) {
	var b bytes.Buffer
	generate(&b, 2000, 999)
	dir := t.TempDir()
	r, err := (&Decoder{BlockSize: 50_000, Dir: dir, inHand: 1000}).Open(&b, "in.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []extract.Block
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
		if runtime.GOOS != "windows" {
			empty(t, dir) // already while reading: a kill leaves nothing
		}
	}
	rows := make([]int64, len(blocks))
	var wg sync.WaitGroup
	for i, b := range blocks {
		wg.Go(func() {
			batch, err := b.Decode()
			if err != nil {
				t.Error(err)
				return
			}
			rows[i] = batch.Rows.NumRows()
			if !bytes.HasPrefix(batch.Record(0), []byte(`{"resourceType":"Immunization"`)) {
				t.Error("the record is another")
			}
			batch.Done()
			batch.Rows.Release()
		})
	}
	wg.Wait()
	sum := int64(0)
	for _, n := range rows {
		sum += n
	}
	if sum != 2000 || len(blocks) < 10 {
		t.Error(sum, len(blocks))
	}
	if s := r.(*reader).store; s.people.spool.file != nil || s.records.file != nil || s.users.Load() != 0 {
		t.Error("the temporary files are still open")
	}
	empty(t, dir)
}

// TestErrors holds that a reader's error comes out, that it stays, and that
// nothing is left behind.
func TestErrors(t *testing.T) {
	var b bytes.Buffer
	generate(&b, 300, 150)
	dir := t.TempDir()
	broken := errors.New("the line went dead")
	for _, n := range []int{5000, b.Len() / 2, b.Len()} {
		src := io.MultiReader(bytes.NewReader(b.Bytes()[:n]), iotest.ErrReader(broken))
		r, err := (&Decoder{Dir: dir, inHand: 1000}).Open(src, "in.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := r.Next(); !errors.Is(err, broken) || !strings.Contains(err.Error(), "in.ndjson after line") {
				t.Error(err)
			}
		}
		if s := r.(*reader).store; s.people.spool.file != nil || s.records.file != nil {
			t.Error("the temporary files are still open")
		}
		empty(t, dir)
	}
	r, err := (&Decoder{Dir: dir + "/gone", inHand: 1000}).Open(&b, "in.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, os.ErrNotExist) || errors.Is(err, dose.ErrInvalid) {
		t.Error("without a folder:", err)
	}
}

// TestLimits holds what a payload can't make grow.
func TestLimits(t *testing.T) {
	next := func(d *Decoder, text string) error {
		r, err := d.Open(strings.NewReader(text), "in.ndjson")
		if err != nil {
			return err
		}
		_, err = r.Next()
		return err
	}
	places := strings.Repeat(`{"resourceType":"Location","name":"x","id":"`, 1)
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "%s%d\"}\n", places, i)
	}
	if err := next(&Decoder{places: 10_000}, many.String()); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), "Locations") {
		t.Error("places:", err)
	}
	if err := next(&Decoder{text: 1000}, "[\n"+strings.Repeat(aPatient+",\n", 20)+"{}]"); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), "larger") {
		t.Error("document:", err)
	}
	long := strings.Repeat(" ", maxResource)
	got := read(t, []byte(anImmunization[:len(anImmunization)-1]+long+"}\n"+aPatient[:len(aPatient)-1]+long+"}\n"+strings.Replace(anImmunization, "i1", "i2", 1)), 0)
	if len(got.Rejects) != 1 || got.Rejects[0].Code != "LINE_TOO_LONG" || len(got.Rejects[0].Record) != keptOfLong || len(got.Rows) != 1 || got.Rows[0]["recip_dob"] == nil {
		t.Error("a long Immunization is refused, a long Patient is not:", len(got.Rejects), got.Rows)
	}
	deep := `{"resourceType":"Immunization","x":` + strings.Repeat("[", 1_000_000)
	got = read(t, []byte(aPatient+"\n"+deep+"\n"+anImmunization), 0)
	if len(got.Rejects) != 1 || got.Rejects[0].Code != "FHIR_JSON" || len(got.Rows) != 1 {
		t.Error("depth:", len(got.Rejects), len(got.Rows))
	}
	d := &Decoder{text: 70_000}
	r, err := d.Open(strings.NewReader(aPatient+"\n"+`{"resourceType":"Bundle","x":"`+strings.Repeat("x", 400_000)+"\n"+anImmunization), "in.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	batch, err := b.Decode()
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Rows.Release()
	if batch.Records != 2 || len(batch.Rejects) != 1 || batch.Rejects[0].Check != dose.LineTooLong || batch.Rejects[0].Line != 2 {
		t.Error("a line beyond all measure:", batch.Records, len(batch.Rejects))
	}
}

// TestCollision forges hashes: patients are found by their name, not by its
// hash alone, and versions of one don't mix with another.
func TestCollision(t *testing.T) {
	p := people{spool: spool{dir: t.TempDir(), room: 1}}
	defer p.spool.close()
	long := strings.Repeat("x", 3*fetched)
	for i, id := range []string{"a", "b", "a", "b", "a"} {
		c := newCells()
		c.set(colFirst, fmt.Sprint(id, i))
		c.set(colStreet, long)
		if err := p.add(id, "", []int64{0, 7, 9, 6, 8}[i], &c); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.settle(); err != nil {
		t.Fatal(err)
	}
	a, b := xxh3.HashString("a"), xxh3.HashString("b")
	both := []slot{{a, p.parts[b>>56][0].at}, {a, p.parts[a>>56][0].at}}
	p.parts[a>>56], p.parts[b>>56] = both, nil
	x, other, ok, _, err := p.find("a", nil)
	if err != nil || !ok || !other || !bytes.Contains(x.columns, []byte("a2")) || !bytes.Contains(x.columns, []byte(long)) {
		t.Errorf("found %v %v %.20q %v", ok, other, x.columns, err)
	}
	if _, _, ok, _, _ = p.find("b", nil); ok {
		t.Error("b is found under the hash of a")
	}
	kept, err := p.latest(both)
	if err != nil || len(kept) != 2 {
		t.Error("two names of one hash:", kept, err)
	}
}

// TestMemory reads 200,000 patients with as many Immunizations from a stream
// and watches the heap: it may grow by the index and the blocks, not by the
// patients.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const n = 200_000
	in, out := io.Pipe()
	go func() {
		generate(out, n, n)
		out.Close()
	}()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	d := &Decoder{BlockSize: 1 << 20, Dir: t.TempDir(), inHand: 1 << 20}
	r, err := d.Open(in, "in.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	rows, most := int64(0), uint64(0)
	for i := 0; ; i++ {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rows += decodeOne(t, b)
		if i%40 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	if rows != n || most > 20*n+12<<20 {
		t.Errorf("%d rows, %d MB for %d patients", rows, most>>20, n)
	}
	t.Logf("%d rows, %d patients: %.1f MB", rows, n, float64(most)/(1<<20))
}
