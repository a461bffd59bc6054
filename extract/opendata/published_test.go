package opendata

import (
	"bytes"
	"encoding/csv"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// TestPublishedTables serves the state's own tables and CDC's, and compares
// what comes out with what they were, cell by cell.
func TestPublishedTables(t *testing.T) {
	names := []string{"chhs-bydemographics.thru-2021-05-05.csv", "chhs-bycounty.thru-2021-04-26.mdyyyy.csv",
		"chhs-bycounty.thru-2021-08-30.csv", "cdc-8xkx-2cols.vytrox.csv"}
	if testing.Short() {
		names = names[:1]
	}
	for _, name := range names {
		text := publishedTable(t, name)
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range kinds {
			p := servePortal(t, &fakePortal{names: rows[0], rows: rows[1:], updated: 1, file: text})
			c := config(p, kind)
			c.Page = 5000
			got := read(t, start(t, c).fetch(t, ""))
			if kind == "ckan file" && !bytes.Equal(got, text) {
				t.Errorf("%s: the file is not as it was served", name)
			}
			again, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(got, []byte("\ufeff")))).ReadAll()
			if err != nil || len(again) != len(rows) {
				t.Fatalf("%s by %s: %d rows, want %d: %v", name, kind, len(again), len(rows), err)
			}
			for i := range rows {
				if strings.Join(rows[i], "\x00") != strings.Join(again[i], "\x00") {
					t.Fatalf("%s by %s: row %d differs", name, kind, i)
				}
			}
		}
	}
}

// TestRedirectPageSavedAsTable: the page that someone once saved as CSV.
func TestRedirectPageSavedAsTable(t *testing.T) {
	p := servePortal(t, table(3))
	p.file = publishedTable(t, "BAD-html-302-saved-as-csv.covid19vaccinesbyzipcode_test.csv")
	start(t, config(p, "ckan file")).fails(t, dose.ErrUpstream, "web page")
}

func TestFileThatIsNotWhole(t *testing.T) {
	whole := "a,b\n1,2\n3,\"4\n5\"\n"
	for cut, words := range map[string]string{
		whole[:len(whole)-3]: "quotes",
		"a,b\n1,2\n3":        "as many cells",
		"":                   "empty",
	} {
		p := servePortal(t, table(0))
		p.file = []byte(cut)
		start(t, config(p, "ckan file")).fails(t, dose.ErrUpstream, words)
	}
	p := servePortal(t, table(2)) // a row short, and the datastore knows it
	p.datastore, p.file = true, []byte("a,b,c\n1,2,3\n")
	start(t, config(p, "ckan file")).fails(t, dose.ErrUpstream, "2 rows and gave 1")
}

// TestTransferWithoutEnd: an answer that ends with its connection, as HTTP/1.0
// has it, may end anywhere.
func TestTransferWithoutEnd(t *testing.T) {
	open := func(_ *fakePortal, _ int, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/store/t.csv" {
			return false
		}
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ncounty\nYuba\n")
			_ = buf.Flush()
			_ = conn.Close()
		}
		return true
	}
	p := servePortal(t, table(1))
	p.fault = open
	start(t, config(p, "ckan file")).fails(t, dose.ErrUpstream, "length")
	p = servePortal(t, table(1)) // with a count there is a proof
	p.datastore, p.fault = true, open
	read(t, start(t, config(p, "ckan file")).fetch(t, ""))
}

func TestResource(t *testing.T) {
	p := servePortal(t, table(3))
	p.extra = `,{"id":"r-2","name":"by ZIP","format":"csv"},{"id":"r-3","name":"dictionary","format":"PDF"}`
	c := config(p, "ckan rows")
	start(t, c).fails(t, dose.ErrInvalid, "by county", "by ZIP")
	for _, name := range []string{"r-1", "by county"} {
		c.Resource = name
		if f := start(t, c).fetch(t, ""); f.Payloads[0].Name != name+".csv" {
			t.Errorf("%+v", f)
		}
	}
	p.datastore = false
	start(t, c).fails(t, dose.ErrInvalid, "no datastore")
}

func TestCheck(t *testing.T) {
	good := Config{Portal: "https://data.cdc.gov", Kind: "soda", Dataset: "8xkx-amqh"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for words, spoil := range map[string]func(*Config){
		"portal is":    func(c *Config) { c.Portal = "data.cdc.gov" },
		"https://":     func(c *Config) { c.Portal = "http://data.cdc.gov" },
		"kind is":      func(c *Config) { c.Kind = "socrata" },
		"8xkx-amqh":    func(c *Config) { c.Dataset = "8xkx-amqh.json" },
		"50000 rows":   func(c *Config) { c.Page = 50001 },
		"32000 rows":   func(c *Config) { c.Kind, c.Page = "ckan", 32001 },
		"use where":    func(c *Config) { c.Via = "rows" },
		"use filters":  func(c *Config) { c.Kind, c.Where = "ckan", "x" },
		"via: rows":    func(c *Config) { c.Kind, c.Via, c.Filters = "ckan", "file", map[string]string{"a": "b"} },
		"name is a":    func(c *Config) { c.Name = "../x" },
		"rows or file": func(c *Config) { c.Kind, c.Via = "ckan", "api" },
	} {
		c := good
		spoil(&c)
		if err := c.Check(); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{"null": "", `""`: "", `"a\"b"`: `a"b`, "12.50": "12.50", "true": "true",
		`{ "type": "Point", "coordinates": [ -1, 2 ] }`: `{"type":"Point","coordinates":[-1,2]}`, `"\u00e9"`: "é"} {
		if got := cell([]byte(in)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
