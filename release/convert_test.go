package release

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"

	"github.com/dosebook/dosebook/dose"
)

// oneOfEach has every type a release has.
var oneOfEach = []dose.Column{
	{Name: "id", Type: dose.LongTxt}, {Name: "city", Type: dose.Text}, {Name: "day", Type: dose.Date},
	{Name: "n", Type: dose.Int}, {Name: "person_id", Type: dose.Big}, {Name: "is, primary", Type: dose.Bool}, {Name: "at", Type: dose.Time},
}

// appendCell appends what text says to b; null for nil. Dates and times are
// numbers here.
func appendCell(t testing.TB, b array.Builder, v any) {
	t.Helper()
	switch b := b.(type) {
	case *array.BinaryDictionaryBuilder:
		if v == nil {
			b.AppendNull()
		} else if err := b.AppendString(v.(string)); err != nil {
			t.Fatal(err)
		}
	default:
		if v == nil {
			b.AppendNull()
			return
		}
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(v.(string))
		case *array.Date32Builder:
			b.Append(arrow.Date32(v.(int)))
		case *array.Int32Builder:
			b.Append(int32(v.(int)))
		case *array.Int64Builder:
			b.Append(int64(v.(int)))
		case *array.BooleanBuilder:
			b.Append(v.(bool))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v.(int)))
		default:
			t.Fatalf("no builder for %T", b)
		}
	}
}

// writeParquet writes rows in row groups of perGroup, with pages so small
// that columns change pages at different rows.
func writeParquet(t testing.TB, cols []dose.Column, rows [][]any, perGroup int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	schema := dose.Schema(cols)
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithBatchSize(7), parquet.WithDataPageSize(128),
		parquet.WithDictionaryPageSizeLimit(300), parquet.WithDictionaryFor("id", false)), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
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
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

var nasty = []string{
	"plain", "comma, inside", `say "hi"`, "two\nlines", "old\rMac", " leading", "trailing ", "=1+1", "+1", "-1", "@SUM(A1)",
	"\t=cmd", "Ñuñoa", "日本 🏥", "'", `\`, `"`, `,`, "\x01 control", "\u2028", "<&>", "null", "true", "0012", "a\x7fb", `""`,
}

func randomRows(r *rand.Rand, n int) [][]any {
	rows := make([][]any, n)
	for i := range rows {
		id := nasty[r.IntN(len(nasty))] + strconv.Itoa(i)
		row := []any{id, nasty[r.IntN(len(nasty))], r.IntN(150_000) - 60_000, int(int32(r.Uint32())), int(r.Uint64()), r.IntN(2) == 0, int(r.Int64N(1 << 52))}
		if i%100 == 99 {
			row[1] = fmt.Sprintf("many, so that the dictionary falls back %d", i)
		}
		for k := range row {
			if r.IntN(4) == 0 {
				row[k] = nil
			}
		}
		rows[i] = row
	}
	return rows
}

// seeds is how many random files a test tries: fewer under -short.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return n / 4
	}
	return n
}

// wantText is what a cell must read as.
func wantText(c dose.Column, v any) string {
	switch {
	case v == nil:
		return ""
	case c.Type == dose.Date:
		return time.Unix(int64(v.(int))*86400, 0).UTC().Format(time.DateOnly)
	case c.Type == dose.Time:
		return time.UnixMicro(int64(v.(int))).UTC().Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}

func TestCSVReadsBack(t *testing.T) {
	for seed := range seeds(20) {
		rows := randomRows(rand.New(rand.NewPCG(seed, 1)), 1+int(seed)*37)
		src := writeParquet(t, oneOfEach, rows, 1+int(seed)*23)
		for _, format := range []string{CSV, CSVGz} {
			got := readCSV(t, convertFile(t, src, format, int64(len(rows))), format)
			if len(got) != len(rows)+1 {
				t.Fatalf("seed %d: %d lines, want %d", seed, len(got), len(rows)+1)
			}
			for k, c := range oneOfEach {
				if got[0][k] != c.Name {
					t.Errorf("header %d is %q, want %q", k, got[0][k], c.Name)
				}
				for i, row := range rows {
					if want := wantText(c, row[k]); got[i+1][k] != want {
						t.Fatalf("seed %d, row %d, %s: got %q, want %q", seed, i, c.Name, got[i+1][k], want)
					}
				}
			}
		}
	}
}

func TestNDJSONReadsBack(t *testing.T) {
	for seed := range seeds(10) {
		rows := randomRows(rand.New(rand.NewPCG(seed, 2)), 1+int(seed)*41)
		rows[0] = make([]any, len(oneOfEach)) // all null
		src := writeParquet(t, oneOfEach, rows, 1+int(seed)*31)
		dec := json.NewDecoder(bytes.NewReader(convertFile(t, src, NDJSON, int64(len(rows)))))
		dec.UseNumber()
		for i, row := range rows {
			var got map[string]any
			if err := dec.Decode(&got); err != nil {
				t.Fatalf("row %d: %v", i, err)
			}
			for k, c := range oneOfEach {
				v, ok := got[c.Name]
				if ok != (row[k] != nil) {
					t.Fatalf("row %d, %s: present is %t, value is %v", i, c.Name, ok, row[k])
				}
				if ok && fmt.Sprint(v) != wantText(c, row[k]) {
					t.Fatalf("row %d, %s: got %q, want %q", i, c.Name, v, wantText(c, row[k]))
				}
			}
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			t.Errorf("something follows the last row: %v", err)
		}
	}
}

func convertFile(t *testing.T, src, format string, rows int64) []byte {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "out")
	n, err := Convert(t.Context(), src, dst, format)
	if err != nil {
		t.Fatal(err)
	}
	if n != rows {
		t.Fatalf("%d rows, want %d", n, rows)
	}
	b, err := os.ReadFile(dst)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readCSV(t *testing.T, b []byte, format string) [][]string {
	t.Helper()
	if format == CSVGz {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	got, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestCSVText(t *testing.T) {
	rows := [][]any{
		{"=1+1", "a,b", 18976, -5, math.MaxInt64, true, 1},
		{"", " x", -25567, 0, nil, false, 0},
		{nil, nil, nil, nil, nil, nil, nil},
	}
	want := `id,city,day,n,person_id,"is, primary",at
=1+1,"a,b",2021-12-15,-5,9223372036854775807,true,1970-01-01T00:00:00.000001Z
""," x",1900-01-01,0,,false,1970-01-01T00:00:00Z
,,,,,,
`
	src := writeParquet(t, oneOfEach, rows, 2)
	if got := string(convertFile(t, src, CSV, 3)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A line without a cell would be lost by readers that skip empty lines.
func TestCSVOfOneColumnKeepsNulls(t *testing.T) {
	src := writeParquet(t, oneOfEach[1:2], [][]any{{"a"}, {nil}, {"b"}}, 10)
	if got := readCSV(t, convertFile(t, src, CSV, 3), CSV); len(got) != 4 || got[2][0] != "" {
		t.Errorf("got %q", got)
	}
}

func TestSameBytesAndMode(t *testing.T) {
	src := writeParquet(t, oneOfEach, randomRows(rand.New(rand.NewPCG(5, 5)), 500), 100)
	for _, format := range Formats() {
		if a, b := convertFile(t, src, format, 500), convertFile(t, src, format, 500); !bytes.Equal(a, b) {
			t.Errorf("%s: two conversions differ", format)
		}
	}
	dst := filepath.Join(t.TempDir(), "x.csv")
	if _, err := Convert(t.Context(), src, dst, CSV); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(dst); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestEmptyFileHasAHeader(t *testing.T) {
	src := writeParquet(t, oneOfEach, nil, 1)
	if got := string(convertFile(t, src, CSV, 0)); got != "id,city,day,n,person_id,\"is, primary\",at\n" {
		t.Errorf("got %q", got)
	}
}

func TestConvertLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	src := writeParquet(t, oneOfEach, randomRows(rand.New(rand.NewPCG(7, 7)), 400), 100)
	whole, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.parquet")
	if err := os.WriteFile(damaged, append(append([]byte{}, bytes.Repeat([]byte{'x'}, 3000)...), whole[3000:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx         context.Context
		src, format string
		want        error
	}{
		"unknown format": {t.Context(), src, "xls", dose.ErrInvalid},
		"no file":        {t.Context(), src + "x", CSV, fs.ErrNotExist},
		"damaged":        {t.Context(), damaged, CSV, dose.ErrInvalid},
		"cancelled":      {cancelled, src, CSV, context.Canceled},
	} {
		if _, err := Convert(c.ctx, c.src, filepath.Join(dir, "out"), c.format); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestColumnsTellTypes(t *testing.T) {
	cols, err := Columns(writeParquet(t, oneOfEach, nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cols {
		want := oneOfEach[i].Type
		if want == dose.LongTxt {
			want = dose.Text
		}
		if c.Name != oneOfEach[i].Name || c.Type != want {
			t.Errorf("column %d: %s %v", i, c.Name, c.Type)
		}
	}
}

func TestConvertRefusesOtherTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "share", Type: arrow.PrimitiveTypes.Float64}}, nil)
	w, err := pqarrow.NewFileWriter(schema, f, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ConvertTo(t.Context(), path, io.Discard, CSV); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), "share") {
		t.Errorf("got %v", err)
	}
}

func TestDatesAgreeWithTheStandardLibrary(t *testing.T) {
	for day := int64(-1_000_000); day < 4_000_000; day += 97 {
		want := time.Unix(day*86400, 0).UTC().Format(time.DateOnly)
		if got := string(appendDate(nil, day)); got != want {
			t.Fatalf("day %d: got %s, want %s", day, got, want)
		}
	}
}

func FuzzCells(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := append(appendCSV(nil, []byte(s)), ",x\n"...)
		got, err := csv.NewReader(bytes.NewReader(line)).Read()
		// encoding/csv turns CR LF inside quotes into LF.
		if want := strings.ReplaceAll(s, "\r\n", "\n"); err != nil || len(got) != 2 || got[0] != want {
			t.Errorf("csv: %q became %q, %v", s, got, err)
		}
		var back string
		if err := json.Unmarshal(appendJSON(nil, []byte(s)), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && back != string([]rune(s)) {
			t.Errorf("json: %q became %q, %v", s, back, err)
		}
	})
}

// TestUnreadableNamesNoPath: what a client is told of a file that can't be
// read names the file, not where it lies.
func TestUnreadableNamesNoPath(t *testing.T) {
	src := filepath.Join(t.TempDir(), "dose.parquet")
	if err := os.WriteFile(src, []byte("PAR1\xff\xff\xff\x7fPAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Convert(t.Context(), src, filepath.Join(t.TempDir(), "dose.csv"), "csv")
	if err == nil || strings.Contains(err.Error(), filepath.Dir(src)) || !strings.Contains(err.Error(), "dose.parquet") {
		t.Errorf("%v", err)
	}
}
