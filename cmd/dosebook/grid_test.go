package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

var (
	gridTables  = []string{"dose_event", "dose", "recipient"}
	gridFormats = []string{"parquet", "csv", "csv.gz", "ndjson"}
)

// One county's user, all places, all files: its own with 200 and its own rows
// alone, everybody else's with 403 and not a byte of data.
func TestGrid(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	const user, home = "epi@sf.example", "06075"
	token, m := d.token(t, user, home, "epi"), d.latest(t)
	s := d.serve(t)
	base := "/api/v1/releases/" + m.ID
	served := 0
	for _, p := range dose.Places() {
		for _, table := range gridTables {
			for _, format := range gridFormats {
				path := fmt.Sprintf("%s/counties/%s/%s.%s", base, p, table, format)
				a := s.get(t, path, token)
				if string(p) != home {
					refused(t, path, a, http.StatusForbidden)
					continue
				}
				served++
				if a.status != http.StatusOK || len(a.body) == 0 {
					t.Errorf("%s: %d", path, a.status)
				}
				if format == "csv" {
					onlyOf(t, table, home, string(a.body))
				}
				if n := entries(t, d, user, "allowed"); n != served {
					t.Errorf("%s: %d audit entries after %d files", path, n, served)
				}
			}
		}
	}
	if served != len(gridTables)*len(gridFormats) {
		t.Errorf("%d files served", served)
	}
	// What is the state's, and what is nobody's.
	for path, status := range map[string]int{"/reject.csv": 403, "/county_day.csv": 403, "/segment.parquet": 403, "/manifest.json": 200,
		"/counties/06075/manifest.json": 200, "/counties/06001/manifest.json": 403, "/counties/06002/dose.csv": 404, "/counties/06075/other.csv": 404,
		"/counties/06075/dose.exe": 404, "/counties/x/dose.csv": 400} {
		if a := s.get(t, base+path, token); a.status != status {
			t.Errorf("%s: %d, want %d", path, a.status, status)
		} else if status >= 400 {
			refused(t, path, a, status)
		}
	}
	withoutToken(t, s, base)
	d.ok(t, "audit", "verify")
	grants := parse[struct{ Grants []struct{ ID int64 } }](t, d.ok(t, "access", "list", user, "--json")).Grants
	d.ok(t, "access", "revoke", fmt.Sprint(grants[0].ID))
	path := base + "/counties/" + home + "/dose.csv"
	refused(t, "after the grant was revoked", s.get(t, path, token), http.StatusForbidden)
	d.ok(t, "access", "revoke", user)
	refused(t, "after all of the user's was revoked", s.get(t, path, token), http.StatusUnauthorized)
	other := d.token(t, "second@sf.example", home, "epi")
	if a := s.get(t, path, other); a.status != http.StatusOK {
		t.Errorf("another user: %d", a.status)
	}
	tokens := parse[struct{ Tokens []struct{ ID int64 } }](t, d.ok(t, "access", "list", "second@sf.example", "--json")).Tokens
	d.ok(t, "access", "token", "revoke", fmt.Sprint(tokens[0].ID))
	refused(t, "after the token was revoked", s.get(t, path, other), http.StatusUnauthorized)
	d.ok(t, "audit", "verify")
	d.sound(t)
}

// A city's user sees the city, and not the county around it.
func TestCity(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	token, m := d.token(t, "epi@longbeach.example", "long-beach", "epi"), d.latest(t)
	s := d.serve(t)
	for place, status := range map[string]int{"long-beach": 200, "06037": 403, "pasadena": 403, "berkeley": 403, "OOS": 403, "UNK": 403} {
		a := s.get(t, "/api/v1/releases/"+m.ID+"/counties/"+place+"/dose_event.csv", token)
		if a.status != status {
			t.Errorf("%s: %d, want %d", place, a.status, status)
		}
		if status != 200 {
			continue
		}
		rows := rowsOf(t, string(a.body))
		if len(rows) < 2 {
			t.Error("the city has no rows")
		}
		lhj := slices.Index(rows[0], "lhj")
		for _, r := range rows[1:] {
			if r[lhj] != "long-beach" {
				t.Fatalf("a row of %s is in the city's file", r[lhj])
			}
		}
	}
}

// refused checks a problem that holds no data.
func refused(t *testing.T, what string, a answer, status int) {
	t.Helper()
	var p map[string]any
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.body, &p) != nil || len(a.body) > 600 ||
		p["detail"] == "" || int(p["status"].(float64)) != status || a.header.Get("ETag")+a.header.Get("Repr-Digest")+a.header.Get("X-Dosebook-Rows") != "" {
		t.Errorf("%s: %d, want the problem %d: %.300s", what, a.status, status, a.body)
	}
}

// entries counts a user's audit entries of files.
func entries(t *testing.T, d data, user, outcome string) (n int) {
	t.Helper()
	for _, e := range parse[[]access.Entry](t, d.ok(t, "audit", "list", "--user", user, "--limit", "100000", "--json")) {
		if e.Outcome == outcome && e.Action == "read" && e.File != "" {
			n++
		}
	}
	return n
}

func rowsOf(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("not CSV: %v", err)
	}
	return rows
}

// onlyOf checks that each row of a county's file is of a resident, or of a
// dose given there. recipient has no place of administration: there
// visible_because stands for it, and the residence must be empty.
func onlyOf(t *testing.T, table, county, text string) {
	t.Helper()
	rows := rowsOf(t, text)
	at := func(name string) int { return slices.Index(rows[0], name) }
	home, admin, why := at("county"), at("admin_county"), at("visible_because")
	seen := map[string]int{}
	for i, r := range rows[1:] {
		lives, given := r[home] == county, admin >= 0 && r[admin] == county
		if table == "recipient" {
			given = r[why] == "administration" && r[home] == "" && r[at("recip_address_zip")] == ""
		}
		if !lives && !given {
			t.Fatalf("%s of %s: row %d is neither of a resident nor of a dose given there", table, county, i+1)
		}
		want := map[[2]bool]string{{true, false}: "residence", {false, true}: "administration", {true, true}: "both"}[[2]bool{lives, given}]
		if table != "recipient" && r[why] != want {
			t.Errorf("%s: row %d: visible_because %s, want %s", table, i+1, r[why], want)
		}
		seen[r[why]]++
	}
	if len(rows) < 10 || len(seen) < 2 {
		t.Errorf("%s of %s: %d rows, because %v: too few to show anything", table, county, len(rows)-1, seen)
	}
}

// withoutToken asks every route under /api/ without, and with a wrong, token.
func withoutToken(t *testing.T, s *server, base string) {
	t.Helper()
	paths := []string{"/api/v1/releases", "/api/v1/dictionary", "/api/v1/releases/latest", base, base + "/manifest.json", base + "/county_day.csv"}
	for _, p := range dose.Places() {
		paths = append(paths, fmt.Sprintf("%s/counties/%s/manifest.json", base, p))
		for _, table := range gridTables {
			for _, format := range gridFormats {
				paths = append(paths, fmt.Sprintf("%s/counties/%s/%s.%s", base, p, table, format))
			}
		}
	}
	for i, path := range paths {
		wrong := []string{"", "dbk_" + strings.Repeat("x", 40)}[i%2]
		refused(t, path+" without a token", s.get(t, path, wrong), http.StatusUnauthorized)
	}
}

// The audit entry is there when the first byte of the answer is.
func TestAuditBeforeBytes(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	token, m := d.token(t, "epi@la.example", "06037", "epi"), d.latest(t)
	s := d.serve(t)
	req, err := http.NewRequest(http.MethodGet, s.url+"/api/v1/releases/"+m.ID+"/counties/06037/dose_event.parquet", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Timeout: time.Minute}
	resp, err := client.Do(req) // returns with the head; the body is not read yet
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n := entries(t, d, "epi@la.example", "allowed"); resp.StatusCode != 200 || n != 1 {
		t.Errorf("%d, with %d audit entries before the body was read", resp.StatusCode, n)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != resp.ContentLength {
		t.Errorf("%d of %d bytes, %v", n, resp.ContentLength, err)
	}
}
