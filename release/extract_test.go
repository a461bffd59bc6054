package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// askedRows are rows of dose_event whose dates run through the file, so that
// some row groups can be ruled out by their statistics.
func askedRows(r *rand.Rand, n int) [][]any {
	groups := append(dose.AgeGroups(), "")
	rows := make([][]any, n)
	for i := range rows {
		row := make([]any, len(dose.ReleaseColumns()))
		for k, c := range dose.ReleaseColumns() {
			switch {
			case c.Name == "admin_date":
				row[k] = 18_700 + i*300/n + r.IntN(20)
			case c.Name == "cvx":
				row[k] = []int{207, 208, 212, 300, 309}[r.IntN(5)]
			case c.Name == "recip_age_group":
				row[k] = groups[r.IntN(len(groups))]
			case c.Name == "recip_race_eth":
				row[k] = dose.RaceEths()[r.IntN(len(dose.RaceEths()))]
			case c.Name == "hpi_quartile":
				row[k] = 1 + r.IntN(4)
			case c.Name == "visible_because":
				row[k] = []string{"residence", "administration", "both"}[r.IntN(3)]
			case c.Type == dose.Text || c.Type == dose.LongTxt:
				row[k] = nasty[r.IntN(len(nasty))] + strconv.Itoa(r.IntN(1+i%50))
			case c.Type == dose.Bool:
				row[k] = r.IntN(2) == 0
			default:
				row[k] = r.IntN(1 << 20)
			}
			if r.IntN(8) == 0 {
				row[k] = nil
			}
		}
		rows[i] = row
	}
	return rows
}

func randomQuestion(r *rand.Rand) Question {
	q := Question{Place: "06001", Table: "dose_event", Format: ExtractFormats()[r.IntN(3)]}
	day := func() string {
		return wantText(dose.Column{Type: dose.Date}, 18_690+r.IntN(340))
	}
	if r.IntN(3) > 0 {
		q.From = day()
	}
	if r.IntN(3) > 0 {
		if q.To = day(); q.To < q.From {
			q.From, q.To = q.To, q.From
		}
	}
	for range r.IntN(3) {
		q.CVX = append(q.CVX, []int{207, 208, 309, 999}[r.IntN(4)])
	}
	for range r.IntN(3) {
		q.AgeGroups = append(q.AgeGroups, dose.AgeGroups()[r.IntN(len(dose.AgeGroups()))])
	}
	for range r.IntN(3) / 2 {
		q.RaceEth = append(q.RaceEth, dose.RaceEths()[r.IntN(len(dose.RaceEths()))], dose.Latino)
		q.HPI = append(q.HPI, 1+r.IntN(4))
	}
	q.Residents = r.IntN(3) == 0
	cols := dose.ReleaseColumns()
	for range r.IntN(6) {
		q.Columns = append(q.Columns, cols[r.IntN(len(cols))].Name)
	}
	return q
}

// answerTo is what the converted file says, filtered here.
func answerTo(q Question, table [][]string) [][]string {
	at := map[string]int{}
	for i, name := range table[0] {
		at[name] = i
	}
	out := [][]string{slices.Clone(q.Columns)}
	for _, row := range table[1:] {
		date, cvx := row[at["admin_date"]], row[at["cvx"]]
		n, _ := strconv.Atoi(cvx)
		if q.From != "" && date < q.From || q.To != "" && date > q.To || (q.From+q.To != "" && date == "") ||
			len(q.CVX) > 0 && (cvx == "" || !slices.Contains(q.CVX, n)) ||
			len(q.AgeGroups) > 0 && !slices.Contains(q.AgeGroups, row[at["recip_age_group"]]) ||
			len(q.RaceEth) > 0 && !slices.Contains(q.RaceEth, row[at["recip_race_eth"]]) ||
			len(q.HPI) > 0 && !slices.ContainsFunc(q.HPI, func(n int) bool { return row[at["hpi_quartile"]] == strconv.Itoa(n) }) ||
			q.Residents && row[at["visible_because"]] != "residence" && row[at["visible_because"]] != "both" {
			continue
		}
		cells := []string{}
		for _, name := range q.Columns {
			cells = append(cells, row[at[name]])
		}
		out = append(out, cells)
	}
	return out
}

func TestExtractIsTheFilteredFile(t *testing.T) {
	filtered := 0
	for seed := range seeds(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := 1 + r.IntN(400)
		src := writeParquet(t, dose.ReleaseColumns(), askedRows(r, n), 1+r.IntN(90))
		whole := readCSV(t, convertFile(t, src, CSV, int64(n)), CSV)
		for range 12 {
			q, err := randomQuestion(r).Check(dose.Identified)
			if err != nil {
				t.Fatal(err)
			}
			want := answerTo(q, whole)
			got, rows := extractFile(t, src, q)
			if rows != int64(len(want)-1) {
				t.Fatalf("%+v: %d rows, want %d", q, rows, len(want)-1)
			}
			if rows > 0 && rows < int64(n) {
				filtered++
			}
			if q.Format == NDJSON {
				checkObjects(t, got, want)
			} else if cells := readCSV(t, got, q.Format); !slices.EqualFunc(cells, want, slices.Equal) {
				t.Fatalf("%+v: other cells", q)
			}
		}
	}
	if filtered < 50 {
		t.Errorf("only %d questions chose some rows and left some", filtered)
	}
}

// releasedFile writes rows as a release does: dictionaries don't fall back.
func releasedFile(t *testing.T, rows [][]any, perGroup int) string {
	t.Helper()
	cols := asWritten(dose.ReleaseColumns())
	path := filepath.Join(t.TempDir(), "dose_event.parquet")
	table, err := load.NewTable(path, cols, "county")
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(cols))
	defer b.Release()
	for len(rows) > 0 {
		n := min(perGroup, len(rows))
		for _, row := range rows[:n] {
			for i, v := range row {
				appendCell(t, b.Field(i), v)
			}
		}
		rows = rows[n:]
		rec := b.NewRecordBatch()
		if err := table.Append(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	if _, err := table.Finish(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A Parquet extract holds the cells of the CSV one, a workbook the rows of the
// Parquet one, and both say what they are.
func TestExtractAsATable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	src := releasedFile(t, askedRows(r, 400), 70)
	some := 0
	for range 20 {
		q, err := randomQuestion(r).Check(dose.Limited)
		if err != nil {
			t.Fatal(err)
		}
		q.Format = CSV
		want, rows := extractFile(t, src, q)
		q.Format = Parquet
		table, n := extractFile(t, src, q)
		again, _ := extractFile(t, src, q)
		path := filepath.Join(t.TempDir(), q.Table+".parquet")
		if err := os.WriteFile(path, table, 0o600); err != nil {
			t.Fatal(err)
		}
		if n != rows || !bytes.Equal(table, again) || !bytes.Equal(convertFile(t, path, CSV, n), want) {
			t.Errorf("%+v: %d rows, want %d, or other cells, or not the same bytes twice", q, n, rows)
		}
		if cols, level, err := Meanings(path); err != nil || level != q.Level().String() || len(cols) != len(q.Columns) {
			t.Error(cols, level, err)
		}
		if q.Format = XLSX; rows > 0 {
			some++
			if book, n := extractFile(t, src, q); n != rows || !bytes.Equal(book, convertFile(t, path, XLSX, rows)) {
				t.Errorf("the workbook has %d rows, want %d", n, rows)
			}
		}
	}
	if some < 5 {
		t.Error("too few questions chose a row:", some)
	}
}

func checkObjects(t *testing.T, got []byte, want [][]string) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSuffix(got, []byte("\n")), []byte("\n"))
	if len(want) == 1 && len(got) == 0 {
		return
	}
	for i, line := range lines {
		var o map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&o); err != nil {
			t.Fatal(err)
		}
		for k, name := range want[0] {
			if v, ok := o[name]; ok && fmt.Sprint(v) != want[i+1][k] || !ok && want[i+1][k] != "" {
				t.Fatalf("line %d, %s: another value", i+1, name)
			}
		}
	}
}

func extractFile(t *testing.T, src string, q Question) ([]byte, int64) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "out")
	last := int64(-1)
	n, err := Extract(t.Context(), src, dst, q, func(done, total int64) {
		if done <= last || done > total {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(dst)
	if err != nil {
		t.Fatal(err)
	}
	return b, n
}

// What the statistics rule out is not read: the pages are damaged here.
func TestExtractReadsOnlyWhatItNeeds(t *testing.T) {
	rows := askedRows(rand.New(rand.NewPCG(1, 1)), 300)
	src := writeParquet(t, dose.ReleaseColumns(), rows, 100)
	b, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := openParquet(src)
	if err != nil {
		t.Fatal(err)
	}
	last := p.Metadata().RowGroups[2].Columns
	for i := last[0].MetaData.DictionaryPageOffset + 1; i < last[len(last)-1].MetaData.DataPageOffset; i++ {
		b[i] = 0xff
	}
	if err := os.WriteFile(src, b, 0o600); err != nil {
		t.Fatal(err)
	}
	q, err := Question{Place: "06001", To: wantText(dose.Column{Type: dose.Date}, 18_750)}.Check(dose.Identified)
	if err != nil {
		t.Fatal(err)
	}
	if got, n := extractFile(t, src, q); n == 0 || len(readCSV(t, got, CSV)) != int(n)+1 {
		t.Errorf("%d rows", n)
	}
	q.To = ""
	dir := t.TempDir()
	if _, err := Extract(t.Context(), src, filepath.Join(dir, "out"), q, nil); err == nil {
		t.Error("the damaged group was read without an error")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("a failed extract left a file")
	}
}

func TestQuestionsAreNormalised(t *testing.T) {
	a, err := Question{Release: "r", Place: "06001", CVX: []int{300, 208, 300}, AgeGroups: []string{"5-11", "18-49", "5-11"},
		Columns: []string{"cvx", "admin_date", "cvx"}}.Check(dose.Limited)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Question{Release: "r", Place: "06001", Table: "dose_event", Format: "csv", CVX: []int{208, 300}, AgeGroups: []string{"18-49", "5-11"},
		Columns: []string{"admin_date", "cvx"}}.Check(dose.Identified)
	if err != nil || a.Key() != b.Key() || len(a.Key()) != 32 {
		t.Errorf("%v\n%+v\n%+v", err, a, b)
	}
	seen := map[string]string{}
	for name, change := range map[string]func(*Question){
		"same": func(*Question) {}, "release": func(q *Question) { q.Release = "s" }, "place": func(q *Question) { q.Place = "06003" },
		"table": func(q *Question) { q.Table = "dose" }, "format": func(q *Question) { q.Format = NDJSON }, "from": func(q *Question) { q.From = "2021-01-01" },
		"to": func(q *Question) { q.To = "2021-01-01" }, "columns": func(q *Question) { q.Columns = q.Columns[:1] },
		"cvx": func(q *Question) { q.CVX = q.CVX[:1] }, "age": func(q *Question) { q.AgeGroups = nil },
	} {
		q := b
		change(&q)
		if other := seen[q.Key()]; other != "" {
			t.Errorf("%s and %s have one key", name, other)
		}
		seen[q.Key()] = name
	}
}

func TestQuestionLevels(t *testing.T) {
	all := func(level dose.Level) Question {
		q, err := Question{Place: "06001"}.Check(level)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	if q := all(dose.Identified); len(q.Columns) != len(dose.ReleaseColumns()) || q.Level() != dose.Identified {
		t.Error("identified:", len(q.Columns), q.Level())
	}
	q := all(dose.Limited)
	if slices.Contains(q.Columns, "recip_last_name") || !slices.Contains(q.Columns, "admin_date") || q.Level() != dose.Limited {
		t.Error("limited:", q.Columns, q.Level())
	}
	q.Columns = append(q.Columns, "recip_last_name")
	if q.Level() != dose.Identified {
		t.Error("a name is identified")
	}
	if q := (Question{Table: "dose", Columns: []string{"recip_sex"}}); q.Level() != dose.Limited {
		t.Error("a county's rows are limited data")
	}
}

func TestBadQuestionsNameTheField(t *testing.T) {
	for field, q := range map[string]Question{
		"county": {Place: "Fresno"}, "table": {Place: "06001", Table: "reject"}, "format": {Place: "06001", Format: "pdf"},
		"from": {Place: "06001", From: "2021-02-30"}, "to": {Place: "06001", From: "2021-02-02", To: "2021-02-01"},
		"cvx": {Place: "06001", Table: "recipient", CVX: []int{208}}, "cvx[0]": {Place: "06001", CVX: []int{-1}},
		"age_groups[1]": {Place: "06001", AgeGroups: []string{"65+", "Jane Doe"}},
		"columns[1]":    {Place: "06001", Columns: []string{"cvx", "Jane Doe"}},
	} {
		_, err := q.Check(dose.Identified)
		var f FieldError
		if !errors.As(err, &f) || f.Field != field || !errors.Is(err, dose.ErrInvalid) || strings.Contains(err.Error(), "Jane") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := (Question{Place: "06001", Table: "recipient", From: "2021-01-01"}).Check(dose.Identified); err == nil {
		t.Error("recipient has no admin_date")
	}
}

func TestExtractStops(t *testing.T) {
	src := writeParquet(t, dose.ReleaseColumns(), askedRows(rand.New(rand.NewPCG(1, 1)), 50), 10)
	q, err := Question{Place: "06001"}.Check(dose.Identified)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, format := range ExtractFormats() {
		q.Format = format
		ctx, cancel := context.WithCancel(t.Context())
		if _, err = Extract(ctx, src, filepath.Join(dir, "out"), q, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Error(format, err)
		}
	}
	q.Columns = []string{"no_such"}
	if _, err := Extract(t.Context(), src, filepath.Join(dir, "out"), q, nil); !errors.Is(err, dose.ErrInvalid) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("a stopped extract left", left)
	}
}
