package serve

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/release"
)

// TestPublicRoutes reads public tables without signing in, and nothing that no
// manifest lists.
func TestPublicRoutes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const table = "county,administered_date,total_doses\nAlpine,2021-03-01,\n"
	sum := sha256.Sum256([]byte(table))
	write("2021-03-09/by_county.csv", table)
	write("2021-03-09/manifest.json", `{"id":"2021-03-09","files":[{"path":"by_county.csv","bytes":`+strconv.Itoa(len(table))+`,"sha256":"`+hex.EncodeToString(sum[:])+`","rows":1}]}`)
	write("2021-03-09/notes.txt", "not listed")
	write("2021-03-16/manifest.json", `{"id":"2021-03-16"}`)
	write("chain-2021-03-09.gz", "every hidden count")
	write("latest", "2021-03-09")
	s := &server{Config: Config{Public: release.Public{Dir: dir}}, pace: newPacer(Limits{}, time.Now)}
	m := mux(s.publicRoutes())
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	if w := get("/api/v1/public/2021-03-09/by_county.csv"); w.Code != 200 || w.Body.String() != table || !strings.Contains(w.Header().Get("Cache-Control"), "public") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get("/api/v1/public/latest/by_county.csv"); w.Code != 303 || w.Header().Get("Location") != "/api/v1/public/2021-03-09/by_county.csv" {
		t.Errorf("latest: %d %v", w.Code, w.Header())
	}
	if w := get("/api/v1/public"); w.Code != 200 || !strings.Contains(w.Body.String(), `"as_of":"2021-03-09"`) || strings.Contains(w.Body.String(), "2021-03-16") {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/2021-03-09/notes.txt", "/2021-03-16", "/2021-03-16/by_county.csv", "/chain-2021-03-09.gz", "/2021-03-09/latest", "/..", "/2021-03-09/manifest.json.sig", "/2021-03-09/chain-2021-03-09.gz"} {
		if w := get("/api/v1/public" + path); w.Code == 200 || strings.Contains(w.Body.String(), "hidden count") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
