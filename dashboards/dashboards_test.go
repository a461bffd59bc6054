package dashboards

import (
	"bytes"
	"strings"
	"testing"
)

func written(t *testing.T, name string, page Page) string {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b, name, page); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Number(0): "0", Number(999): "999", Number(1000): "1,000", Number(-1234567): "−1,234,567", signed(5): "+5", signed(0): "0",
		percent(-1): "–", percent(0): "0.0", percent(7): "0.07", percent(9500): "95.0", share(1, 0): "–", share(1, 3): "33.3",
		axis(9999): "9,999", axis(20_000): "20k", axis(2_500_000): "2.5M", size(700): "700 bytes", size(5 << 20): "5.0 MB", short("0123456789abcdef"): "0123456789ab",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for most, want := range map[int64]int64{1: 1, 5: 1, 6: 2, 240: 50, 5700: 2000} {
		if got := tick(most); got != want {
			t.Errorf("tick of %d is %d, want %d", most, got, want)
		}
	}
}

// Coverage over the cap is flagged and shown raw; without a population there
// is no share.
func TestCoverageIsFlagged(t *testing.T) {
	over := Group{Name: "65+", People: 100, One: Cell{Value: 104}, OnePer: 10_400, OneCap: 9500, FullPer: 9700, FullCap: 9500, Capped: true}
	none := Group{Name: "1", OnePer: -1, OneCap: -1, FullPer: -1, FullCap: -1}
	page := written(t, "county", Page{Title: "X", Body: County{Groups: []Groups{{Name: "Age", Rows: []Group{over, none}}}}})
	for _, want := range []string{`▲ </span>104.0</td><td class="n">95.0</td>`, `▲ </span>97.0</td><td class="n">95.0</td>`, `<span class="quiet">not known</span></td>`, `<td class="n">–</td><td class="n">–</td>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// What senders wrote can't become markup, in text, addresses or charts.
func TestTextStaysText(t *testing.T) {
	evil := `"><script>alert(1)</script>`
	page := written(t, "overview", Page{Title: evil, User: evil, Body: Overview{State: true,
		Weeks:    Series{Label: evil, Names: []string{evil}, Days: []string{evil}, Values: [][]int64{{3}}},
		Counties: []Place{{FIPS: "06001", Name: evil, Page: "javascript:alert(1)" + evil, OnePer: 5}}, Feeds: []Feed{{Registry: evil}}}})
	if strings.Contains(page, "<script") || strings.Contains(page, `href="javascript:`) {
		t.Error("markup of a value")
	}
	rows := written(t, "rows", Page{Body: Rows{Head: []string{evil}, First: [][]string{{evil}}, Count: 1}})
	if strings.Contains(rows, "<script") {
		t.Error("markup of a row")
	}
}

// A table that was held says so, in both languages.
func TestHeldIsTold(t *testing.T) {
	for lang, want := range map[string]string{English: "held: as it was published before", Spanish: "retenida: como se publicó antes"} {
		page := Page{Open: true, Lang: lang, Body: Public{Hidden: []PublicTable{{Name: "by_zip", Held: true}, {Name: "by_county"}}}}
		if got := strings.Count(written(t, "public", page), want); got != 1 {
			t.Errorf("%s: %d tables are told to be held, want 1", lang, got)
		}
	}
}

// All 58 counties are on the map, once, and each can be reached by key.
func TestMap(t *testing.T) {
	shapes, err := readMap()
	seen := map[string]bool{}
	var places []Place
	for i, s := range shapes {
		seen[s.FIPS] = true
		places = append(places, Place{FIPS: s.FIPS, Name: s.FIPS, Page: "/counties/" + s.FIPS, OnePer: int64(i * 100)})
	}
	if err != nil || len(shapes) != 58 || len(seen) != 58 {
		t.Fatal(len(shapes), len(seen), err)
	}
	svg := string(mapOf(shapes, "Map", places[:57]))
	if strings.Count(svg, "<a href=") != 57 || strings.Count(svg, `class="m"`) != 1 || !strings.Contains(svg, `class="m4"`) {
		t.Error("a county is missing, or one that may not be seen is shown")
	}
}

func TestStackedHasAllNumbers(t *testing.T) {
	svg := string(stacked(Series{Label: "L", Names: []string{"A", "B"}, Days: []string{"2021-01-04", "2021-01-11"}, Values: [][]int64{{1200, 0}, {3, 0}}}))
	if !strings.Contains(svg, "2021-01-04: 1,203, A 1,200, B 3") || strings.Contains(svg, "NaN") || strings.Count(svg, "<g>") != 1 {
		t.Error(svg)
	}
	if empty := string(stacked(Series{})); strings.Contains(empty, "NaN") || strings.Contains(empty, "Inf") {
		t.Error(empty)
	}
}
