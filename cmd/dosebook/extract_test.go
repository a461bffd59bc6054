package main

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExtractEqualsSQL: the file is what a query on the release says, by the
// command and by HTTP.
func TestExtractEqualsSQL(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	out := filepath.Join(t.TempDir(), "march.csv")
	x := parse[extracted](t, d.ok(t, "extract", "--json", "--county", "Los Angeles", "--from", "2021-03-01", "--to", "2021-04-30", "--cvx", "208,207",
		"--age-group", "65+", "--columns", "vax_event_id,registry,admin_date,cvx,recip_age_group,visible_because", "--out", out))
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || int64(len(rows)-1) != x.Rows || hashOf(text) != x.SHA256 || int64(len(text)) != x.Bytes || x.Rows == 0 {
		t.Fatalf("%d rows, %v, %+v", len(rows)-1, err, x)
	}
	var mine []string
	for _, r := range rows[1:] {
		if r[5] != "administration" {
			mine = append(mine, r[0]+"/"+r[1])
		}
	}
	asked := d.ok(t, "sql", "--format", "csv", `select registry || '/' || vax_event_id from dose_event where county = '06037' and cvx in (207, 208)
		and recip_age_group = '65+' and admin_date between date '2021-03-01' and date '2021-04-30'`)
	want := strings.Split(strings.TrimSpace(strings.ReplaceAll(asked, "\r\n", "\n")), "\n")[1:]
	slices.Sort(mine)
	slices.Sort(want)
	if !slices.Equal(mine, want) {
		t.Errorf("%d events, SQL says %d", len(mine), len(want))
	}
	if st, err := os.Stat(out); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	if log := d.ok(t, "audit", "list", "--json"); !strings.Contains(log, x.Key) || !strings.Contains(log, `"extract"`) {
		t.Error("the audit has no entry of it")
	}
	s := d.serve(t)
	token := d.token(t, "epi@example.org", "06037", "epi")
	body := `{"county":"06037","from":"2021-03-01","to":"2021-04-30","cvx":[207,208],"age_groups":["65+"],"columns":["vax_event_id","registry","admin_date","cvx","recip_age_group","visible_because"]}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/extracts", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	to := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.Contains(to, x.Key) {
		t.Fatalf("%d %s", resp.StatusCode, to)
	}
	if a := s.get(t, to, token); a.status != 200 || string(a.body) != string(text) {
		t.Errorf("by HTTP: %d, %d bytes, want %d", a.status, len(a.body), len(text))
	}
}

func TestExtractFormatsAndRefusals(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	dir := t.TempDir()
	seen := map[int64]bool{}
	for _, format := range []string{"csv", "csv.gz", "ndjson", "parquet", "xlsx"} {
		x := parse[extracted](t, d.ok(t, "extract", "--json", "--county", "berkeley", "--table", "recipient", "--out", filepath.Join(dir, "x."+format)))
		if seen[x.Rows] = true; x.Question.Format != format || x.Bytes == 0 {
			t.Errorf("%+v", x)
		}
	}
	if len(seen) != 1 {
		t.Error("formats with other rows:", seen)
	}
	out := filepath.Join(dir, "no.csv")
	for args, code := range map[string]int{
		"--county 06002": 4, "--county Nowhere": 2, "--county 06037 --from March": 2, "--county 06037 --columns no_such": 2, "--county 06037 --table reject": 2,
		"--county 06037 --cvx x": 2, "--county 06037 --format pdf": 2, "--county 06037 --release 000099-01234567": 4, "": 2,
	} {
		r := d.exits(t, code, append([]string{"extract", "--out", out}, strings.Fields(args)...)...)
		if _, err := os.Stat(out); err == nil || r.err == "" {
			t.Errorf("%s: a file, or no word: %s", args, r.err)
		}
	}
	if r := d.exits(t, 2, "extract", "--county", "06037", "--age-group", "Jane Doe", "--out", out); strings.Contains(r.err, "Jane") {
		t.Error(r.err)
	}
	newData(t).exits(t, 4, "extract", "--county", "06037", "--out", out)
	if left, _ := filepath.Glob(filepath.Join(dir, ".part-*")); len(left) > 0 {
		t.Error(fmt.Sprint(left))
	}
}
