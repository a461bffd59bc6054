package main

import (
	"encoding/csv"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// published reads a table of the newest publication, as rows by column.
func (d data) published(t *testing.T, name string) (rows []map[string]string) {
	t.Helper()
	day, err := os.ReadFile(filepath.Join(string(d), "public", "latest"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(string(d), "public", string(day), name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range all[1:] {
		row := map[string]string{}
		for i, c := range all[0] {
			row[c] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// veiled is a published count as the page shows it.
func veiled(cell, mark string) string {
	if cell == "" {
		return mark
	}
	return cell
}

// per is a share of 10,000 as the page shows it.
func per(cell string) string {
	n, err := strconv.Atoi(cell)
	switch {
	case err != nil:
		return "–"
	case n > 0 && n < 100:
		return fmt.Sprintf("%.2f", float64(n)/100)
	}
	return fmt.Sprintf("%.1f", float64(n)/100)
}

// Every number of the public pages is that of the published files, and what is
// hidden there is hidden here, in both languages.
func TestPublicPagesEqualFiles(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	s := d.serve(t)
	for base, mark := range map[string]string{"/public": "hidden", "/publico": "oculto"} {
		page := s.get(t, base, "")
		if page.status != 200 || len(page.body) > 300_000 || strings.Contains(string(page.body), "<script") {
			t.Fatalf("%s: %d, %d bytes", base, page.status, len(page.body))
		}
		var want [][]string
		for _, r := range d.published(t, "by_demographic") {
			want = append(want, []string{veiled(r["cumulative_at_least_one_dose"], mark), per(r["at_least_one_per_10000"]), veiled(r["cumulative_fully_vaccinated"], mark),
				per(r["fully_per_10000"]), veiled(r["total_partially_vaccinated"], mark)})
		}
		sameTable(t, base+" people", section(t, string(page.body), "people"), want, 2, 3, 4, 5, 6)
		publicCounties(t, d, base, mark, section(t, string(page.body), "counties"))
		for _, place := range []dose.Place{"06037", "06003", dose.OutOfState} {
			publicPlace(t, d, s, base, mark, place)
		}
	}
}

func publicCounties(t *testing.T, d data, base, mark string, shown [][]string) {
	t.Helper()
	doses, hidden := map[string]int{}, map[string]int{}
	for _, r := range d.published(t, "by_county") {
		n, err := strconv.Atoi(r["total_doses"])
		if doses[r["county"]] += n; err != nil {
			hidden[r["county"]]++
		}
	}
	people, veil := map[string]int{}, map[string]bool{}
	for _, r := range d.published(t, "by_county_demographic") {
		if r["demographic_category"] == "Age Group" {
			n, err := strconv.Atoi(r["cumulative_at_least_one_dose"])
			people[r["county"]] += n
			veil[r["county"]] = veil[r["county"]] || err != nil
		}
	}
	var want [][]string
	for _, place := range dose.Places() {
		if name := place.Label(); !strings.HasPrefix(name, "City") {
			one := strconv.Itoa(people[name])
			if veil[name] {
				one = mark
			}
			want = append(want, []string{one, strconv.Itoa(doses[name]), strconv.Itoa(hidden[name])})
		}
	}
	sameTable(t, base+" counties", shown[:len(shown)-1], want, 1, 4, 5)
}

func publicPlace(t *testing.T, d data, s *server, base, mark string, place dose.Place) {
	t.Helper()
	page := s.get(t, base+"/latest/"+string(place), "")
	text := string(page.body)
	if page.status != 200 {
		t.Fatalf("%s of %s: %d", base, place, page.status)
	}
	var groups, zips [][]string
	for _, r := range d.published(t, "by_county_demographic") {
		if r["county"] == place.Label() {
			groups = append(groups, []string{veiled(r["cumulative_at_least_one_dose"], mark), per(r["at_least_one_per_10000"]), veiled(r["cumulative_fully_vaccinated"], mark), veiled(r["total_partially_vaccinated"], mark)})
		}
	}
	for _, r := range d.published(t, "by_zip") {
		if r["county"] == place.Label() {
			zips = append(zips, []string{r["zip_code_tabulation_area"], veiled(r["persons_with_1_plus_dose"], mark), veiled(r["persons_partially_vaccinated"], mark), veiled(r["persons_fully_vaccinated"], mark), veiled(r["booster_recip_count"], mark)})
		}
	}
	if len(groups) > 0 {
		sameTable(t, base+" "+string(place)+" groups", section(t, text, "people"), groups, 2, 3, 4, 6)
	}
	if len(zips) > 0 {
		sameTable(t, base+" "+string(place)+" ZIPs", section(t, text, "zips"), zips, 0, 2, 3, 4, 5)
	}
	sums := map[string]int{}
	for _, r := range d.published(t, "by_county") {
		if n, err := strconv.Atoi(r["total_doses"]); err == nil && r["county"] == place.Label() {
			sums[r["administered_date"][:7]] += n
		}
	}
	for _, row := range section(t, text, "doses") {
		words := strings.Fields(strings.ReplaceAll(row[1], ",", ""))
		n, err := strconv.Atoi(words[len(words)-1]) // "+4 days 95", or "+4 days" where all are hidden
		if n != sums[row[0]] || err != nil && !strings.HasPrefix(words[0], "+") {
			t.Errorf("%s of %s, %s: %s, the file adds to %d", base, place, row[0], row[1], sums[row[0]])
		}
	}
}

var (
	styleForm = regexp.MustCompile(`(?s)<style>.*?</style>|<code>.*?</code>|<a [^>]*class="who".*?</a>|<dd lang="en">.*?</dd>`)
	labelForm = regexp.MustCompile(`aria-label="([^"]*)"|<title>([^<]*)</title>|>([^<>]+)<`)
	wordForm  = regexp.MustCompile(`[A-Za-z]{2}`)
)

// saidOn are the texts of a page that have words, labels and titles too.
func saidOn(page string) map[string]bool {
	out := map[string]bool{}
	for _, m := range labelForm.FindAllStringSubmatch(styleForm.ReplaceAllString(page, "<i></i>"), -1) {
		if text := strings.TrimSpace(html.UnescapeString(m[1] + m[2] + m[3])); wordForm.MatchString(text) {
			out[text] = true
		}
	}
	return out
}

// No English is left on a Spanish page but names: what both pages say is a
// name, a file, or a hash.
func TestSpanishPagesAreSpanish(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	s := d.serve(t)
	names := []string{"dosebook", "Pfizer", "Moderna", "Janssen", "SHA-256", "ZIP", "Latino"}
	for _, county := range dose.Counties() {
		names = append(names, county.Name)
	}
	name := regexp.MustCompile(`^[0-9a-f]{64}$|^[0-9.]+ (KB|MB|bytes)$|^\d{4}-\d\d-\d\d: |^[a-z_]+\.(csv|json|md)$|: [0-9.]+ %$`)
	for _, rest := range []string{"", "/latest/06037", "/latest/06003", "/1999-01-01"} {
		english, spanish := s.get(t, "/public"+rest, ""), s.get(t, "/publico"+rest, "")
		if english.status != spanish.status || !strings.Contains(string(spanish.body), `<html lang="es">`) || spanish.header.Get("Content-Language") != "es" {
			t.Fatalf("%s: %d, %d", rest, english.status, spanish.status)
		}
		if strings.Contains(string(spanish.body), ` lang="en">`) && !strings.Contains(string(spanish.body), `hreflang="en"`) {
			t.Errorf("%s: a definition is not translated", rest)
		}
		if strings.Contains(string(spanish.body), `<dd lang="en">`) {
			t.Errorf("%s: a definition has no Spanish in dashboards/words.go", rest)
		}
		in := saidOn(string(english.body))
		for text := range saidOn(string(spanish.body)) {
			if in[text] && !slices.Contains(names, text) && !name.MatchString(text) {
				t.Errorf("%s: %q is English", rest, text)
			}
		}
	}
	if page := s.get(t, "/public?lang=es", ""); !strings.Contains(string(page.body), `<html lang="es">`) {
		t.Error("?lang=es is not heard")
	}
}
