package cvrs

import (
	"io"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/extract/extracttest"
)

// TestAnyHeader reads what faulty headers leave, and holds that nothing of it
// is read unless it is asked for.
func TestAnyHeader(t *testing.T) {
	good := headerLine()
	for _, c := range []struct {
		name, header, code string
		cells              []string // what the row holds, column and value in turn
		v1                 bool
	}{
		{"good", good, "", []string{"vax_event_id", "a", "recip_id", "d"}, false},
		{"version 1", good + "\tRecip_Missed_Appt", "", []string{"recip_id", "d"}, true},
		{"a column is missing", strings.Replace(good, "ext_type\t", "", 1), "FMT_004", []string{"vax_event_id", "a", "pprl_id", "b", "recip_id", "c", "ext_type", ""}, false},
		{"a column comes twice", good + "\trecip_id", "FMT_002", []string{"recip_id", "d"}, false},
		{"prose", "This is none", "FMT_001", []string{"vax_event_id", ""}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.header + "\na\tb\tc\td" + strings.Repeat("\t", strings.Count(c.header, "\t")) + "\n"
			_, err := (&Decoder{}).Open(strings.NewReader(text), "in.txt")
			if (err == nil) != (c.code == "") {
				t.Fatal(err)
			}
			r, err := (&Decoder{AnyHeader: true}).Open(strings.NewReader(text), "in.txt")
			if err != nil {
				t.Fatal(err)
			}
			h := r.(Headed)
			if f := h.HeaderFault(); (f == nil) != (c.code == "") || f != nil && f.Findings[0].Code != c.code {
				t.Errorf("fault %v", f)
			}
			if h.FirstVersion() != c.v1 {
				t.Errorf("version 1: %v", !c.v1)
			}
			b, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			batch, err := b.Decode()
			if err != nil {
				t.Fatal(err)
			}
			defer batch.Done()
			rows := extracttest.Rows(t, batch.Rows)
			if len(rows) != 1 {
				t.Fatalf("%d rows", len(rows))
			}
			for i := 0; i < len(c.cells); i += 2 {
				if got, _ := rows[0][c.cells[i]].(string); got != c.cells[i+1] {
					t.Errorf("%s is %q, want %q", c.cells[i], got, c.cells[i+1])
				}
			}
			if _, err := r.Next(); err != io.EOF {
				t.Error(err)
			}
		})
	}
	for _, refused := range []string{"", "<html>", strings.ReplaceAll(good, "\t", ",")} {
		if _, err := (&Decoder{AnyHeader: true}).Open(strings.NewReader(refused), "in.txt"); err == nil {
			t.Errorf("%q is read", refused)
		}
	}
}
