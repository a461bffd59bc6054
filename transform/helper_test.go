package transform

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// row is a raw row by column name; line is its place, from 2.
type row map[string]string

// good is a row that no rule finds fault with.
func good(change ...string) row {
	r := row{
		"vax_event_id": "E1", "ext_type": "I", "recip_id": "R1", "recip_first_name": "Ann", "recip_last_name": "Lee",
		"recip_dob": "1980-03-05", "recip_sex": "F", "recip_address_city": "Oakland", "recip_address_county": "06001",
		"recip_address_state": "CA", "recip_address_zip": "94601", "recip_race_1": "2106-3", "recip_ethnicity": "2186-5",
		"admin_date": "2021-03-05", "cvx": "208", "ndc": "59267-1000-01", "mvx": "PFR", "lot_number": "EN6201",
		"vax_expiration": "2021-07-31", "vax_admin_site": "LD", "vax_route": "C28161", "dose_num": "1", "vax_series_complete": "NO",
		"responsible_org": "County of Alameda", "admin_name": "Coliseum", "admin_type": "19", "admin_address_county": "06001",
		"admin_address_state": "CA", "admin_address_zip": "94621", "vax_refusal": "NO", "cmorbid_status": "UNK", "serology": "UNK",
	}
	for i := 0; i < len(change); i += 2 {
		r[change[i]] = change[i+1]
	}
	return r
}

// way says how a raw batch is encoded.
type way int

const (
	asDeclared way = iota // text as dictionaries, long text as plain strings
	allPlain
	allDict
	withNulls // columns without any value as Null arrays, the rest as declared
)

// batch builds a raw batch; the lines start at first.
func batch(mem memory.Allocator, rows []row, w way, first int) arrow.RecordBatch {
	var cols []arrow.Array
	var fields []arrow.Field
	for _, c := range dose.Raw() {
		a := rawColumn(mem, c, rows, w, first)
		cols = append(cols, a)
		fields = append(fields, arrow.Field{Name: c.Name, Type: a.DataType(), Nullable: true})
	}
	rec := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(len(rows)))
	for _, a := range cols {
		a.Release()
	}
	return rec
}

func rawColumn(mem memory.Allocator, c dose.Column, rows []row, w way, first int) arrow.Array {
	if c.Type == dose.Big {
		b := array.NewInt64Builder(mem)
		defer b.Release()
		for i := range rows {
			b.Append(int64(first + i))
		}
		return b.NewArray()
	}
	empty := true
	for _, r := range rows {
		_, ok := r[c.Name]
		empty = empty && !ok
	}
	if w == withNulls && empty {
		return array.NewNull(len(rows))
	}
	var add func(string)
	var b array.Builder
	if w == allPlain || w != allDict && c.Type == dose.LongTxt {
		sb := array.NewStringBuilder(mem)
		add, b = sb.Append, sb
	} else {
		db := array.NewDictionaryBuilder(mem, dose.Dictionary).(*array.BinaryDictionaryBuilder)
		add, b = func(s string) { _ = db.AppendString(s) }, db
	}
	defer b.Release()
	for _, r := range rows {
		if s, ok := r[c.Name]; ok {
			add(s)
		} else {
			b.AppendNull()
		}
	}
	return b.NewArray()
}

// result maps rows and checks that nothing of the raw batch stays in memory.
func result(t testing.TB, opt Options, rows ...row) (Result, []map[string]string) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	raw := batch(mem, rows, asDeclared, 2)
	res, err := New(opt).Apply(raw)
	if err != nil {
		t.Fatal(err)
	}
	raw.Release()
	cells := cellsOf(res.Events)
	res.Events.Release()
	mem.AssertSize(t, 0)
	return res, cells
}

// cellsOf returns the events as text, null cells left out.
func cellsOf(rec arrow.RecordBatch) []map[string]string {
	out := make([]map[string]string, rec.NumRows())
	for i := range out {
		out[i] = map[string]string{}
	}
	for c := range int(rec.NumCols()) {
		name, a := rec.ColumnName(c), rec.Column(c)
		for i := range out {
			if a.IsValid(i) {
				out[i][name] = a.ValueStr(i)
			}
		}
	}
	return out
}

// codesOf lists issues as "CODE field".
func codesOf(issues []dose.Issue) string {
	var out []string
	for _, is := range issues {
		out = append(out, is.Check.Rule().Code+" "+dose.Raw()[is.Field].Name)
	}
	return strings.Join(out, ", ")
}

// sample makes n rows as registries send them: few distinct values in most
// columns, some faults.
func sample(n int, faults bool) []row {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	rows := make([]row, n)
	names := [...]string{"Ann", "José", "Maria", "Wei", "Fatima", "Lupe", "Oleg", "Thi", "Noor", "Sam"}
	vaccines := [...]struct{ cvx, ndc, mvx, from string }{{"208", "59267-1000-01", "PFR", "2021"}, {"207", "80777-0273-10", "MOD", "2021"}, {"309", "00069-2362-01", "PFR", "2024"}, {"312", "80777-0112-01", "MOD", "2025"}, {"217", "59267-1025-01", "PFR", "2022"}}
	for i := range rows {
		county := pick("06001", "06037")
		zips := dose.ZIPs(county)
		given := vaccines[rng.IntN(len(vaccines))]
		r := good("vax_event_id", fmt.Sprintf("EV%09d", i), "recip_id", fmt.Sprintf("RC%08d", i/2),
			"recip_first_name", names[rng.IntN(10)]+letters(rng.IntN(500)), "recip_last_name", "Lee"+letters(rng.IntN(20000)),
			"recip_dob", fmt.Sprintf("%d-%02d-%02d", 1930+rng.IntN(75), 1+rng.IntN(12), 1+rng.IntN(28)),
			"recip_address_street", fmt.Sprintf("%d Main St", rng.IntN(90000)), "recip_address_zip", zips[rng.IntN(len(zips))],
			"recip_address_county", county, "recip_address_city", fmt.Sprintf("City%d", rng.IntN(900)),
			"admin_date", fmt.Sprintf("%s-%02d-%02d", given.from, 9-5*(given.from[3]&1^1), 1+rng.IntN(28)), "vax_expiration", "2026-01",
			"cvx", given.cvx, "ndc", given.ndc, "mvx", given.mvx, "lot_number", fmt.Sprintf("EN%d", 1000+rng.IntN(3000)),
			"admin_name", fmt.Sprintf("Clinic %d", rng.IntN(2500)), "responsible_org", fmt.Sprintf("Org %d", rng.IntN(900)),
			"admin_address_street", fmt.Sprintf("%d Broadway", rng.IntN(2500)), "recip_race_2", pick("2028-9", "UNK"))
		if faults {
			spoil(r, rng)
		}
		rows[i] = r
	}
	return rows
}

// letters spells a number.
func letters(n int) string {
	if n < 20 {
		return string("abcdefghiklmnoprstuw"[n])
	}
	return letters(n/20) + letters(n%20)
}

// spoil puts one fault in every second row.
func spoil(r row, rng *rand.Rand) {
	faults := [][2]string{
		{"admin_date", "2021-02-30"}, {"admin_date", "2021"}, {"admin_date", ""}, {"cvx", "x"}, {"cvx", " 0208 "}, {"vax_event_id", " "},
		{"recip_address_county", "Clark"}, {"recip_address_state", "NV"}, {"recip_address_state", " ca"}, {"recip_sex", "f"}, {"recip_dob", "2030-01-01"},
		{"recip_dob", "1980-05"}, {"action", "D"}, {"action", "u"}, {"recip_missed_appt", "yes"}, {"vax_refusal", "YES"}, {"completion", "PA"},
		{"recip_first_name", "José"}, {"recip_last_name", "Unknown"}, {"recip_address_zip", "9460"}, {"mvx", "ZZZ"}, {"information_source", "01"},
		{"source_time", "2021-03-05T10:00:00-08:00"}, {"recip_ethnicity", "2135-2"}, {"recip_id", "  "}, {"lot_number", " en-6201 "},
	}
	if rng.IntN(2) == 0 {
		f := faults[rng.IntN(len(faults))]
		r[f[0]] = f[1]
	}
}
