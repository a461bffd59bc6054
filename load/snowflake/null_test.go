//go:build !nosnowflake

package snowflake

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
)

var typeNames = map[dose.Type]string{dose.Text: "text", dose.LongTxt: "long text", dose.Date: "date", dose.Int: "number", dose.Big: "big number",
	dose.Bool: "boolean", dose.Time: "timestamp"}

// TestNulls: of each type, nulls and values come back from Snowflake as they
// lie in the lake, in its row groups; 1970-01-01, 0 and false stay what they
// are beside null. An emulator reads a missing TIMESTAMP as 1970: times go as
// microseconds (ADR 0013).
func TestNulls(t *testing.T) {
	f := shared(t)
	l := loadtest.NewLog(filepath.Join(t.TempDir(), "lake"))
	full := loadtest.Row{ID: "1", Recip: "r1", Day: 18700, CVX: 208, County: "06001", Given: "06001", Name: "same", Lot: "L", Site: "S", Past: "Y", Sent: 1,
		Text: map[string]string{"recip_dob": "1970-01-01", "lot_number": "a'b\\", "recip_first_name": "Zoë"}}
	bare := loadtest.Row{ID: "2", Recip: "r2", Past: "N"}
	l.Split(t, "CAIR2", "A", 10, 2, full, bare, bare2("3"), bare2("4"), full2("5"))
	d := openAt(t, config(f), l.Lake, Options{})
	defer d.Close()
	if _, err := d.Apply(t.Context(), l.Entries(0, 1), l.Known(1)); err != nil {
		t.Fatal(err)
	}
	e := l.Entries(0, 1)[0]
	groups, err := l.Lake.RowGroups(e.Registry, e.Segment)
	if err != nil {
		t.Fatal(err)
	}
	back := load.Lake{Dir: t.TempDir()}
	folder, err := back.Folder(e.Registry, e.Segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Segment(t.Context(), e, groups, filepath.Join(folder, load.EventFile)); err != nil {
		t.Fatal(err)
	}
	want, got := lakeRows(t, l.Lake, e), lakeRows(t, back, e)
	if len(got) != len(want) || len(want) != 3 {
		t.Fatalf("%d row groups, want %d", len(got), len(want))
	}
	seen := map[dose.Type][2]bool{} // values, nulls
	for k, c := range dose.SegmentColumns() {
		t.Run(typeNames[c.Type]+" "+c.Name, func(t *testing.T) {
			for g := range want {
				for i := range int(want[g].NumRows()) {
					w, g := want[g].Column(k), got[g].Column(k)
					if w.IsNull(i) != g.IsNull(i) || w.IsValid(i) && w.ValueStr(i) != g.ValueStr(i) {
						t.Errorf("row %d: %q came back as %q", i, w.ValueStr(i), g.ValueStr(i))
					}
					s := seen[c.Type]
					seen[c.Type] = [2]bool{s[0] || w.IsValid(i), s[1] || w.IsNull(i)}
				}
			}
		})
	}
	for kind, name := range typeNames {
		if seen[kind] != [2]bool{true, true} {
			t.Errorf("%s: values and nulls seen: %v", name, seen[kind])
		}
	}
}

func bare2(id string) loadtest.Row { return loadtest.Row{ID: id, Recip: "r" + id} }

func full2(id string) loadtest.Row {
	return loadtest.Row{ID: id, Recip: "r" + id, Day: 18701, CVX: 207, County: "06037", Given: "06001", Sent: 2}
}

func lakeRows(t *testing.T, lake load.Lake, e load.Entry) (out []arrow.RecordBatch) {
	t.Helper()
	s, err := lake.Stored(e.Registry, e.Segment, load.EventFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Release)
		out = append(out, b)
	}
}

// TestSegmentTampered: rows that are missing there, or have another place, are
// told of; nothing is left.
func TestSegmentTampered(t *testing.T) {
	f := shared(t)
	l := twoLoads(t)
	c := config(f)
	d := openAt(t, c, l.Lake, Options{})
	defer d.Close()
	apply(t, d, l, 1)
	read := func() error {
		_, err := d.Segment(t.Context(), l.Entries(0, 1)[0], []int64{3}, filepath.Join(t.TempDir(), "x.parquet"))
		return err
	}
	f.Exec(t, c.Database, "CREATE TABLE AS_IT_WAS AS SELECT * FROM SEGMENT_ROW")
	for _, statement := range []string{
		"DELETE FROM SEGMENT_ROW WHERE FILE_ROW_NUMBER = 2", "DELETE FROM SEGMENT_ROW WHERE FILE_ROW_NUMBER = 1",
		"INSERT INTO SEGMENT_ROW SELECT * FROM SEGMENT_ROW WHERE FILE_ROW_NUMBER = 2", "UPDATE SEGMENT_ROW SET PLACE = PLACE + 1 WHERE FILE_ROW_NUMBER = 2",
	} {
		if err := read(); err != nil {
			t.Fatal(err)
		}
		f.Exec(t, c.Database, statement)
		if err := read(); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", statement, err)
		}
		f.Exec(t, c.Database, "DELETE FROM SEGMENT_ROW")
		f.Exec(t, c.Database, "INSERT INTO SEGMENT_ROW SELECT * FROM AS_IT_WAS")
	}
}
