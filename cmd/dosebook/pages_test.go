package main

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	rowForm  = regexp.MustCompile(`(?s)<tr>(.*?)</tr>`)
	cellForm = regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`)
	tagForm  = regexp.MustCompile(`<[^>]*>`)
	linkForm = regexp.MustCompile(`<a href="([^"]*/rows\?[^"]*)">([0-9,]+)</a>`)
	fileForm = regexp.MustCompile(`href="(/api/v1/extracts/[^"]*)"`)
	factForm = regexp.MustCompile(`(?s)<dt>([^<]*)</dt><dd>(.*?)</dd>`)
)

// cellText is a cell's text, numbers as SQL writes them.
func cellText(cell string) string {
	text := strings.TrimSpace(html.UnescapeString(tagForm.ReplaceAllString(cell, "")))
	if n := strings.ReplaceAll(strings.Replace(text, "−", "-", 1), ",", ""); n != "" && strings.Trim(n, "+-.0123456789") == "" {
		return strings.TrimPrefix(n, "+")
	}
	return text
}

// section is the rows of the tables in a section of a page, without heads.
func section(t *testing.T, page, id string) (rows [][]string) {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<section id="`+id+`">`)
	if !ok {
		t.Fatalf("the page has no section %s", id)
	}
	rest, _, _ = strings.Cut(rest, "</section>")
	for _, m := range rowForm.FindAllStringSubmatch(rest, -1) {
		var row []string
		for _, c := range cellForm.FindAllStringSubmatch(m[1], -1) {
			row = append(row, cellText(c[1]))
		}
		if !strings.Contains(m[1], `scope="col"`) {
			rows = append(rows, row)
		}
	}
	return rows
}

// asks is what SQL says, as text cells.
func (d data) asks(t *testing.T, query string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(d.ok(t, "sql", "--format", "csv", query))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// sameTable compares the first columns of what is shown with what SQL says,
// whatever the order of rows.
func sameTable(t *testing.T, what string, shown, want [][]string, columns ...int) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s: nothing to compare", what)
	}
	left := map[string]int{}
	for _, row := range shown {
		var cells []string
		for _, c := range columns {
			cells = append(cells, row[c])
		}
		left[strings.Join(cells, "|")]++
	}
	for _, row := range want {
		key := strings.Join(row, "|")
		if left[key]--; left[key] < 0 {
			t.Errorf("%s: SQL says %s, the page does not", what, key)
		}
	}
	if len(shown) != len(want) {
		t.Errorf("%s: %d rows, SQL has %d", what, len(shown), len(want))
	}
}

// Every number of a county's page is what SQL says of the release.
func TestCountyPageEqualsSQL(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	s := d.serve(t)
	token := d.token(t, "epi-pages@example.org", "06037", "epi")
	first := s.get(t, "/counties/06037", token)
	page := s.get(t, first.header.Get("Location"), token)
	if first.status != http.StatusSeeOther || page.status != 200 || page.header.Get("Content-Security-Policy") == "" || len(page.body) > 300_000 {
		t.Fatalf("%d, %d, %d bytes", first.status, page.status, len(page.body))
	}
	text := string(page.body)
	for _, bad := range []string{"undefined", "NaN", "&lt;nil&gt;", "ZgotmplZ", "<script", "<no value>"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page says %s", bad)
		}
	}
	var facts []string
	for _, m := range factForm.FindAllStringSubmatch(text, -1) {
		facts = append(facts, cellText(m[2]))
	}
	want := d.asks(t, `select sum(total_doses), sum(at_least_one_dose), sum(fully_vaccinated), sum(booster_recip_count), sum(up_to_date_count)
		from county_day where county_fips = '06037'`)[0]
	if !slices.Equal(facts, want) {
		t.Errorf("figures %v, SQL says %v", facts, want)
	}
	for _, c := range []struct {
		section, query string
		columns        []int
	}{
		{"doses", `select strftime(administered_date, '%Y-%m'), sum(total_doses), sum(pfizer_doses), sum(moderna_doses), sum(jj_doses),
			sum(total_doses - pfizer_doses - moderna_doses - jj_doses), sum(at_least_one_dose), sum(fully_vaccinated) from county_day where county_fips = '06037' group by 1`,
			[]int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"coverage", `select demographic_value, coalesce(est_population::varchar, 'not known'), cumulative_total_doses, cumulative_at_least_one_dose, cumulative_fully_vaccinated
			from county_demographic_day where county_fips = '06037'
			qualify row_number() over (partition by demographic_category, demographic_value order by administered_date desc) = 1`, []int{0, 1, 2, 3, 7}},
		{"completeness", `select name, value, (select count(*) from dose_event where county = '06037') from (unpivot (select
			count(*) filter (recip_race_1 not in ('UNK', 'POL', 'PHC1175', 'ASKU')) as "Race", count(*) filter (recip_sex not in ('U', 'UNK')) as "Sex",
			count(*) filter (recip_address_zip not in ('Redacted', 'UNK')) as "ZIP code", count(lot_number) as "Lot" from dose_event where county = '06037') on columns(*) into name name value value)`, []int{0, 1, 2}},
	} {
		shown := section(t, text, c.section)
		if c.section == "completeness" {
			shown = slices.DeleteFunc(shown, func(r []string) bool { return !slices.Contains([]string{"Race", "Sex", "ZIP code", "Lot"}, r[0]) })
		}
		sameTable(t, c.section, shown, d.asks(t, c.query), c.columns...)
	}
	away := d.asks(t, `select count(*) filter (admin_county is distinct from '06037'), count(*) from dose where county = '06037'`)[0]
	here := d.asks(t, `select count(*) filter (county <> '06037'), count(*) from dose where admin_county = '06037'`)[0]
	for what, n := range map[string][]string{"Residents dosed elsewhere": away, "Others dosed here": here} {
		if says := what + ": " + n[0] + " of " + n[1] + " doses"; !strings.Contains(strings.ReplaceAll(text, ",", ""), says) {
			t.Errorf("the page does not say: %s", says)
		}
	}
	followed(t, s, token, text)
	pagesRefuse(t, s, d, first.header.Get("Location"))
}

// followed goes from figures to their rows: their count is the figure, the
// file has them, and its hash is the one told.
func followed(t *testing.T, s *server, token, text string) {
	t.Helper()
	links := linkForm.FindAllStringSubmatch(text, -1)
	if len(links) < 40 {
		t.Fatalf("only %d figures lead to their rows", len(links))
	}
	for i, m := range links {
		if i%9 != 0 && i > 3 {
			continue
		}
		a := s.get(t, html.UnescapeString(m[1]), token)
		fact := factForm.FindStringSubmatch(string(a.body))
		file := fileForm.FindStringSubmatch(string(a.body))
		if a.status != 200 || fact == nil || cellText(fact[2]) != cellText(m[2]) || file == nil {
			t.Errorf("%s: %d, the figure is %s", m[1], a.status, m[2])
			continue
		}
		got := s.get(t, file[1], token)
		sum := sha256.Sum256(got.body)
		rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
		if err != nil || strconv.Itoa(len(rows)-1) != cellText(m[2]) || !strings.Contains(string(a.body), hex.EncodeToString(sum[:])) {
			t.Errorf("%s: the file has %d rows, %v", m[1], len(rows)-1, err)
		}
	}
}

// pagesRefuse asks as those who may not.
func pagesRefuse(t *testing.T, s *server, d data, page string) {
	t.Helper()
	foreign := d.token(t, "epi-foreign@example.org", "06001", "epi")
	for _, path := range []string{page, page + "/doses.csv", page + "/rows?table=dose", "/counties/06037", "/quality", page[:strings.Index(page, "/counties")] + "/overview/weeks.csv"} {
		if a := s.get(t, path, foreign); a.status != http.StatusForbidden || strings.Contains(string(a.body), "<table") {
			t.Errorf("%s: %d", path, a.status)
		}
		if a := s.get(t, path, ""); a.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, a.status)
		}
	}
	over := s.get(t, "/overview", foreign)
	if text := string(over.body); over.status != 200 || strings.Contains(text, "Los Angeles") || !strings.Contains(text, "Alameda") || strings.Contains(text, `id="doses"`) {
		t.Errorf("overview of a foreign county: %d", over.status)
	}
	log := d.ok(t, "audit", "list", "--user", "epi-foreign@example.org", "--json")
	if !strings.Contains(log, `"denied"`) || !strings.Contains(log, `"page"`) {
		t.Error("the audit has no refusal of a page")
	}
}

// The state's pages are what SQL says, too.
func TestStatePagesEqualSQL(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	s := d.serve(t)
	token := d.token(t, "steward-pages@example.org", "all", "steward")
	over, quality := s.get(t, "/overview", token), s.get(t, "/quality", token)
	if over.status != 200 || quality.status != 200 {
		t.Fatal(over.status, quality.status)
	}
	var facts []string
	for _, m := range factForm.FindAllStringSubmatch(string(over.body), -1) {
		facts = append(facts, cellText(m[2]))
	}
	if want := d.asks(t, `select sum(total_doses), sum(at_least_one_dose), sum(fully_vaccinated), sum(booster_recip_count), sum(up_to_date_count)
		from county_day where county_fips = 'CA'`)[0]; !slices.Equal(facts, want) {
		t.Errorf("figures %v, SQL says %v", facts, want)
	}
	counties := slices.DeleteFunc(section(t, string(over.body), "counties"), func(r []string) bool { return len(r) < 6 || r[1] == "0" })
	sameTable(t, "counties", counties, d.asks(t, `select county, sum(total_doses), sum(at_least_one_dose), sum(fully_vaccinated)
		from county_day where county_fips not in ('CA', 'ALL') group by county`), 0, 1, 2, 4)
	sameTable(t, "weeks", slices.DeleteFunc(section(t, string(over.body), "doses"), func(r []string) bool { return slices.Equal(r[1:], []string{"0", "0", "0", "0"}) }),
		d.asks(t, `select date_trunc('week', administered_date)::date, sum(pfizer_doses), sum(moderna_doses), sum(jj_doses), sum(total_doses - pfizer_doses - moderna_doses - jj_doses)
			from county_day where county_fips = 'CA' group by 1 having sum(total_doses) > 0`), 0, 1, 2, 3, 4)
	sameTable(t, "rejects", section(t, string(quality.body), "rejects"), d.asks(t, `select code, coalesce(field, ''), count(*), message, remedy from reject group by all`), 0, 1, 2, 3, 4)
	registries := section(t, string(quality.body), "registries")
	sameTable(t, "registries", registries[:len(registries)/2], d.asks(t, `select registry, sum(events), sum(rejects), max(day) from quality_day group by all`), 0, 1, 2, 6)
	for _, path := range []string{"/releases", "/access", "/releases/" + d.latest(t).ID} {
		if a := s.get(t, path, token); a.status != 200 || !strings.Contains(string(a.body), "<table") {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}
