package suppress

import (
	"fmt"
	"testing"
)

// TestPinsAcrossTables publishes one table, and later a second that would pin a
// hidden number of the first: days and then their week, ZIPs and then their
// county, Berkeley and then Alameda, 12+ and then 5+. Linked, what would pin it is hidden or held, and the
// attack over both finds nothing; without the link the same second table gives
// the number away.
func TestPinsAcrossTables(t *testing.T) {
	for name, c := range map[string]struct {
		parts []string // of the first table
		whole string   // of the second
		most  bool
	}{
		"days and week":   {[]string{"4", "0", "0"}, "4", false},
		"ZIPs and county": {[]string{"7", "0", "900"}, "907", false},
		"a city's own health office and its county": {[]string{"6"}, "9", true},
		"12 and over, 5 and over":                   {[]string{"3"}, "5", true},
	} {
		for _, linked := range []bool{true, false} {
			part := &Rules{Dimensions: []Dimension{{Column: "of", Kind: "place"}}, Counts: []string{"people"}, Range: Small}
			whole := *part
			if !linked {
				whole.Range = Range{1 << 40, 1 << 40} // a publisher who looks at the new table alone
			}
			a := &Table{Name: "parts", Columns: []string{"of", "people"}}
			for i, v := range c.parts {
				a.Rows, a.Lines = append(a.Rows, []string{fmt.Sprint(i), v}), append(a.Lines, i+2)
			}
			b := &Table{Name: "whole", Columns: []string{"of", "people"}, Rows: [][]string{{"all", c.whole}}, Lines: []int{2}}
			all := func([]string) string { return "all" }
			link := Link{Name: name, AtMost: c.most, Left: Side{0, "people", all}, Right: Side{1, "people", all}}
			chain := NewChain(part, &whole)
			if _, err := chain.Publish([]*Table{a, nil}); err != nil {
				t.Fatal(err)
			}
			if _, err := Protect(t.Context(), chain.System, Options{}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := chain.Publish([]*Table{a, b}, link); err != nil {
				t.Fatal(err)
			}
			var err error
			if linked {
				_, err = Protect(t.Context(), chain.System, Options{})
			}
			chain.System.index()
			bounds, failed := Attack(t.Context(), chain.System)
			if failed != nil {
				t.Fatal(failed)
			}
			leak := false
			for _, x := range bounds {
				leak = leak || x.Leak
			}
			if linked && err == nil && leak || !linked && !leak {
				t.Errorf("%s, linked %v: leak %v, %v", name, linked, leak, err)
			}
		}
	}
}
