package opendata

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakePortal answers as SODA and as CKAN for one table.
type fakePortal struct {
	mu        sync.Mutex
	names     []string
	rows      [][]string
	updated   int64  // seconds; 0: the portal does not say
	most      int    // rows a page at most; 0: as asked
	count     int    // what it says instead of the true count; 0: the true one
	datastore bool   // ckan
	file      []byte // ckan: the resource's file; nil: made of the rows
	extra     string // ckan: further resources, as JSON, with a comma before
	token     string // wanted in X-App-Token or Authorization

	asked []string // what was asked, in order
	fault func(p *fakePortal, n int, w http.ResponseWriter, r *http.Request) bool
	url   string
}

func servePortal(t *testing.T, p *fakePortal) *fakePortal {
	t.Helper()
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *fakePortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.URL.Path+"?"+r.URL.Query().Get("$limit")+r.URL.Query().Get("limit"))
	if p.fault != nil && p.fault(p, len(p.asked), w, r) {
		return
	}
	if p.token != "" && r.Header.Get("X-App-Token") != p.token && r.Header.Get("Authorization") != p.token {
		http.Error(w, `{"code":"permission_denied","error":true,"message":"x"}`, http.StatusForbidden)
		return
	}
	q := r.URL.Query()
	switch r.URL.Path {
	case "/api/views/8xkx-amqh.json":
		var cols []map[string]any
		for i, n := range p.names { // not in order of position
			cols = append([]map[string]any{{"fieldName": n, "position": i + 1}}, cols...)
		}
		cols = append(cols, map[string]any{"fieldName": ":@computed_region_x", "position": 99},
			map[string]any{"fieldName": "secret", "position": 98, "flags": []string{"hidden"}})
		reply(w, map[string]any{"id": "8xkx-amqh", "rowsUpdatedAt": p.updated, "columns": cols})
	case "/resource/8xkx-amqh.json":
		if strings.HasPrefix(q.Get("$select"), "count(*)") {
			reply(w, []map[string]string{{"n": strconv.Itoa(p.counted())}})
			return
		}
		if q.Get("$order") != ":id" {
			http.Error(w, `{"code":"not.in.order"}`, http.StatusBadRequest)
			return
		}
		reply(w, p.page(q.Get("$offset"), q.Get("$limit"), ":id", func(i int) any { return fmt.Sprintf("row-%04x", i) }))
	case "/api/3/action/package_show":
		fmt.Fprintf(w, `{"success":true,"result":{"resources":[{"id":"r-1","name":"by county","format":"CSV","url":"%s/file/t.csv","last_modified":"2021-05-05T10:00:00.%06d","datastore_active":%v}%s]}}`,
			p.url, p.updated%1_000_000, p.datastore, p.extra)
	case "/api/3/action/datastore_search":
		fields := []map[string]string{{"id": "_id", "type": "int"}}
		for _, n := range p.names {
			fields = append(fields, map[string]string{"id": n, "type": "text"})
		}
		reply(w, map[string]any{"success": true, "result": map[string]any{"total": p.counted(), "fields": fields,
			"records": p.page(q.Get("offset"), q.Get("limit"), "_id", func(i int) any { return i + 1 })}})
	case "/file/t.csv":
		http.Redirect(w, r, "/store/t.csv?Signature=x", http.StatusFound)
	case "/store/t.csv":
		_, _ = w.Write(p.bytes())
	default:
		http.NotFound(w, r)
	}
}

func reply(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v)
}

func (p *fakePortal) counted() int {
	if p.count > 0 {
		return p.count
	}
	return len(p.rows)
}

func (p *fakePortal) page(offset, limit, id string, key func(int) any) []map[string]any {
	from, _ := strconv.Atoi(offset)
	n, _ := strconv.Atoi(limit)
	if p.most > 0 {
		n = min(n, p.most)
	}
	out := []map[string]any{}
	for i := from; i < min(from+n, len(p.rows)); i++ {
		row := map[string]any{id: key(i)}
		for k, cell := range p.rows[i] {
			if cell != "" { // SODA leaves out what is null
				row[p.names[k]] = cell
			}
		}
		out = append(out, row)
	}
	return out
}

func (p *fakePortal) bytes() []byte {
	if p.file != nil {
		return p.file
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(p.names)
	_ = w.WriteAll(p.rows)
	return []byte(b.String())
}

// table returns n rows of a small table with all that CSV must quote.
func table(n int) *fakePortal {
	p := &fakePortal{names: []string{"county", "administered_date", "total_doses"}, updated: 1620208800}
	for i := range n {
		county := []string{"Alameda", `The "Lost" Coast, CA`, "two\nlines", ""}[i%4]
		p.rows = append(p.rows, []string{county, "2021-05-05T00:00:00.000", strconv.Itoa(i)})
	}
	return p
}

const published = "../../../shared/data/published/"

// publishedTable reads one of the state's own tables, which lie beside the
// repository.
func publishedTable(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(published + name)
	if err != nil {
		if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "data") {
			t.Fatal(err)
		}
		t.Skip("put published tables into ../shared/data/published beside the repository to run this")
	}
	return text
}
