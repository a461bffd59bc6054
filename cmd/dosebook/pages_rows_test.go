package main

import (
	"encoding/csv"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every number of a page of rows is what SQL says: how many there are, and
// each cell that it shows.
func TestRowsPageEqualsSQL(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	s := d.serve(t)
	token := d.token(t, "epi-rows@example.org", "06001", "epi")
	at := "/releases/" + d.latest(t).ID + "/counties/06001/rows?"
	for _, c := range []struct{ asked, table, where string }{
		{"table=dose&residents=1&from=2021-04-01&to=2021-04-30", "dose", "county = '06001' and admin_date between '2021-04-01' and '2021-04-30'"},
		{"table=dose&residents=1&cvx=208&cvx=217&age=18-49", "dose", "county = '06001' and cvx in (208, 217) and recip_age_group = '18-49'"},
		{"table=dose&residents=1&hpi=1&race=Latino", "dose", "county = '06001' and hpi_quartile = 1 and recip_race_eth = 'Latino'"},
		{"table=dose&from=2021-04-01&to=2021-04-10", "dose", "(county = '06001' or admin_county = '06001') and admin_date between '2021-04-01' and '2021-04-10'"},
		{"table=dose&residents=1&from=1999-01-01&to=1999-12-31", "dose", "false"},
	} {
		page := s.get(t, at+c.asked, token)
		if page.status != http.StatusOK {
			t.Errorf("%s: %d", c.asked, page.status)
			continue
		}
		text := string(page.body)
		count := d.asks(t, "select count(*) from "+c.table+" where "+c.where)[0][0]
		fact := factForm.FindStringSubmatch(text)
		if fact == nil || cellText(fact[2]) != count {
			t.Errorf("%s: the page has not %s rows", c.asked, count)
		}
		head, shown := shownTable(t, text)
		n, _ := strconv.Atoi(count)
		if len(shown) != min(n, 100) || n > 0 && len(head) < 6 {
			t.Errorf("%s: %d rows of %d columns are shown of %s", c.asked, len(shown), len(head), count)
		}
		var kept []string // the columns that SQL's view has by the same name
		for _, name := range head {
			if name != "visible_because" && name != "segment" && name != "line" {
				kept = append(kept, name)
			}
		}
		within := map[string]int{}
		for _, row := range d.asks(t, "select "+strings.Join(kept, ", ")+" from "+c.table+" where "+c.where) {
			within[strings.Join(row, "|")]++
		}
		for _, row := range shown {
			var cells []string
			for _, name := range kept {
				cells = append(cells, row[slices.Index(head, name)])
			}
			if key := strings.Join(cells, "|"); within[key] == 0 {
				t.Errorf("%s: SQL has no row %s", c.asked, key)
			} else {
				within[key]--
			}
		}
	}
}

// shownTable is the table of a page of rows, cells as they are.
func shownTable(t *testing.T, page string) (head []string, rows [][]string) {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<section id="rows">`)
	if !ok {
		t.Fatal("the page has no rows")
	}
	for _, m := range rowForm.FindAllStringSubmatch(rest, -1) {
		var row []string
		for _, c := range cellForm.FindAllStringSubmatch(m[1], -1) {
			row = append(row, html.UnescapeString(tagForm.ReplaceAllString(c[1], "")))
		}
		if head == nil {
			head = row
		} else {
			rows = append(rows, row)
		}
	}
	return head, rows
}

// Every number of the page of access is what the audit and the commands say:
// who read what, how many rows, which tokens there are.
func TestAccessPageEqualsAudit(t *testing.T) {
	t.Parallel()
	world, _ := shared(t)
	d := copyOf(t, world, "control.db", "releases", "keys")
	s := d.serve(t)
	epi, steward := d.token(t, "epi-seen@example.org", "06001", "epi"), d.token(t, "steward-seen@example.org", "06001", "steward")
	base := "/api/v1/releases/" + d.latest(t).ID + "/counties/"
	for _, path := range []string{base + "06001/dose.parquet", base + "06001/recipient.parquet", base + "06001/dose.parquet", base + "06037/dose.parquet"} {
		s.get(t, path, epi)
	}
	page := s.get(t, "/access", steward)
	if page.status != http.StatusOK {
		t.Fatal(page.status)
	}
	text := string(page.body)
	want := map[string]string{}
	for _, table := range []string{"dose", "recipient"} {
		rows, err := csv.NewReader(strings.NewReader(string(s.get(t, base+"06001/"+table+".csv", steward).body))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want[table+".parquet"] = strconv.Itoa(len(rows) - 1)
	}
	seen := slices.DeleteFunc(section(t, text, "seen"), func(r []string) bool { return r[1] != "epi-seen@example.org" })
	for _, r := range seen {
		if r[2] != "Alameda" || r[4] != want[r[3]] {
			t.Errorf("the page says %q, the file has %s rows", r, want[r[3]])
		}
	}
	if len(seen) != 2 { // each file once a day; what was refused was not seen
		t.Errorf("%d readings are shown", len(seen))
	}
	tokens := section(t, text, "tokens")
	listed := parse[struct{ Tokens []struct{ Expires string } }](t, d.ok(t, "access", "list", "steward-seen@example.org", "--json")).Tokens
	if len(tokens) != 1 || len(listed) != 1 || tokens[0][2] != listed[0].Expires[:10] || tokens[0][1] != "in force" {
		t.Errorf("the page has the tokens %q, the command %v", tokens, listed)
	}
}
