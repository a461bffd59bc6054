package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

const (
	id   = "000042-0123abcd"
	held = "000043-0123abcd"
)

var day = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// world is a server on a small release in which every file says whose it is.
type world struct {
	t        testing.TB
	h        http.Handler
	cfg      Config
	access   *access.Store
	db       *sql.DB
	log      *bytes.Buffer
	now      time.Time
	converts atomic.Int64
	convert  ConvertFunc
	dir      string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: day, log: new(bytes.Buffer), dir: t.TempDir()}
	db, err := control.Open(t.Context(), w.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.db, w.access, w.convert = db, access.Open(db, func() time.Time { return w.now }), plainConvert
	w.cfg = Config{
		Releases: release.Store{Dir: filepath.Join(w.dir, "releases")}, Access: w.access, Made: filepath.Join(w.dir, "made"),
		Convert: func(ctx context.Context, src, dst, format string) (int64, error) {
			w.converts.Add(1)
			return w.convert(ctx, src, dst, format)
		},
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Now: func() time.Time { return w.now },
	}
	w.fast()
	w.release(id, release.Ready, dose.Places()...)
	w.release(held, release.Held, "06019")
	w.write("releases/latest", []byte(id))
	w.h = New(w.cfg)
	return w
}

// plainConvert stands for release.Convert: serve cares for who and when, not
// for Parquet.
func plainConvert(_ context.Context, src, dst, format string) (int64, error) {
	b, err := os.ReadFile(src)
	if err != nil {
		return 0, err
	}
	return 3, os.WriteFile(dst, append([]byte(format+" of "), b...), 0o600)
}

func (w *world) write(name string, b []byte) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

func content(id, place, table string) []byte {
	return []byte("PAR1 rows of <" + place + "> table " + table + " in " + id + " " + strings.Repeat("x", 200) + " PAR1")
}

func (w *world) release(id, status string, places ...dose.Place) {
	root := release.Manifest{ID: id, LedgerSeq: 42, Schema: 1, Status: status}
	put := func(m *release.Manifest, path string, b []byte) {
		sum := sha256.Sum256(b)
		m.Files = append(m.Files, release.File{Path: path, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), Rows: 3})
		w.write("releases/"+id+"/"+path, b)
	}
	for _, place := range places {
		m := release.Manifest{ID: id, LedgerSeq: 42, Schema: 1, Status: status, Place: string(place)}
		for _, table := range []string{"dose_event", "dose", "recipient"} {
			put(&m, "counties/"+string(place)+"/"+table+".parquet", content(id, string(place), table))
		}
		root.Files = append(root.Files, m.Files...)
		text, _ := json.Marshal(m)
		put(&root, "counties/"+string(place)+"/manifest.json", text)
	}
	for _, table := range []string{"county_day", "segment", "reject"} {
		put(&root, table+".parquet", content(id, "state", table))
	}
	text, _ := json.Marshal(root)
	w.write("releases/"+id+"/manifest.json", text)
}

func (w *world) grant(user string, role access.Role, level dose.Level, places ...dose.Place) access.Grant {
	w.t.Helper()
	g, err := w.access.Grant(w.t.Context(), "root", access.Grant{User: user, Role: role, Level: level, All: len(places) == 0, Places: places})
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// user grants and returns a token.
func (w *world) user(user string, role access.Role, level dose.Level, places ...dose.Place) string {
	w.t.Helper()
	w.grant(user, role, level, places...)
	plain, _, err := w.access.CreateToken(w.t.Context(), "root", user, "test", time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	return plain
}

func (w *world) ask(method, path, token string, head ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, "http://x/", nil).WithContext(w.t.Context())
	u, err := url.ParseRequestURI(path)
	if err != nil {
		w.t.Fatal(err)
	}
	r.URL = u
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(head); i += 2 {
		r.Header.Add(head[i], head[i+1])
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

func (w *world) get(path, token string, head ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.ask("GET", path, token, head...)
}

// refused asserts a problem of that status that holds no record.
func refused(t testing.TB, rec *httptest.ResponseRecorder, status int) problem {
	t.Helper()
	var p problem
	err := json.Unmarshal(rec.Body.Bytes(), &p)
	if rec.Code != status || err != nil || p.Status != status || p.Title == "" || p.Type == "" || p.Detail == "" ||
		rec.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, want %d; %v; %s", rec.Code, status, err, rec.Body)
	}
	for _, h := range []string{"ETag", "Repr-Digest", "Content-Disposition", "X-Dosebook-Rows"} {
		if rec.Header().Get(h) != "" {
			t.Errorf("a refusal with %s", h)
		}
	}
	if bytes.Contains(rec.Body.Bytes(), []byte("rows of")) {
		t.Error("a refusal with rows")
	}
	if bytes.Contains(rec.Body.Bytes(), []byte(os.TempDir())) { // where each world is
		t.Errorf("a refusal with a path of this machine: %s", rec.Body)
	}
	return p
}

func file(place, name string) string { return base + "/" + id + "/counties/" + place + "/" + name }

func names() []string {
	out := []string{"manifest.json"}
	for _, table := range []string{"dose_event", "dose", "recipient"} {
		for format := range mediaTypes {
			out = append(out, table+"."+format)
		}
	}
	return out
}

func TestGridOfOneCounty(t *testing.T) {
	w := newWorld(t)
	for user, mine := range map[string][]dose.Place{"fresno": {"06019"}, "alameda": {"06001", "berkeley"}, "berkeley": {"berkeley"}, "pasadena": {"pasadena"}} {
		token := w.user(user, access.Epi, dose.Identified, mine[0])
		for _, place := range dose.Places() {
			own := false
			for _, m := range mine {
				own = own || m == place
			}
			for _, name := range names() {
				rec := w.get(file(string(place), name), token)
				if !own {
					refused(t, rec, http.StatusForbidden)
					continue
				}
				want := "<" + string(place) + ">"
				if name == "manifest.json" {
					want = "counties/" + string(place) + "/"
				}
				if rec.Code != 200 || !strings.Contains(rec.Body.String(), want) {
					t.Fatalf("%s, %s: %d", place, name, rec.Code)
				}
				for _, other := range dose.Places() {
					if other != place && strings.Contains(rec.Body.String(), "<"+string(other)+">") {
						t.Fatalf("%s, %s holds rows of %s", place, name, other)
					}
				}
			}
		}
		for _, path := range []string{"/county_day.csv", "/county_day.parquet", "/segment.parquet", "/reject.ndjson"} {
			refused(t, w.get(base+"/"+id+path, token), http.StatusForbidden)
		}
	}
	if n := w.converts.Load(); n != int64(len(mediaTypes)-1)*3*4 { // fresno, alameda, berkeley (shared), pasadena: each file made once
		t.Errorf("%d conversions", n)
	}
}

func TestStateSeesAll(t *testing.T) {
	w := newWorld(t)
	for _, role := range []access.Role{access.Steward, access.Reporter} {
		token := w.user("s-"+string(role), role, dose.Identified)
		for _, place := range dose.Places() {
			if rec := w.get(file(string(place), "dose.parquet"), token); rec.Code != 200 || !bytes.Equal(rec.Body.Bytes(), content(id, string(place), "dose")) {
				t.Fatal(place, rec.Code)
			}
		}
		for _, name := range []string{"county_day.csv", "county_day.parquet", "segment.ndjson", "reject.csv.gz"} {
			if rec := w.get(base+"/"+id+"/"+name, token); rec.Code != 200 || !strings.Contains(rec.Body.String(), "<state>") {
				t.Fatal(name, rec.Code)
			}
		}
		root, _ := os.ReadFile(filepath.Join(w.dir, "releases", id, "manifest.json"))
		if rec := w.get(base+"/"+id+"/manifest.json", token); rec.Code != 200 || !bytes.Equal(rec.Body.Bytes(), root) {
			t.Fatal(rec.Code)
		}
	}
	for name, token := range map[string]string{
		"epi, all": w.user("e", access.Epi, dose.Identified), "analyst": w.user("a", access.Analyst, dose.Identified),
		"plan": w.user("p", access.Plan, dose.Identified), "auditor": w.user("u", access.Auditor, dose.Identified),
		"reporter of one": w.user("r", access.Reporter, dose.Identified, "06019"), "limited": w.user("l", access.Reporter, dose.Limited),
	} {
		t.Log(name)
		refused(t, w.get(file("OOS", "dose.csv"), token), 403)
		refused(t, w.get(base+"/"+id+"/reject.csv", token), 403)
	}
	p := refused(t, w.get(file("06019", "dose.csv"), w.user("l2", access.Epi, dose.Limited, "06019")), 403)
	if !strings.Contains(p.Detail, "no file of your grant's level") {
		t.Error(p.Detail)
	}
}

func TestManifests(t *testing.T) {
	w := newWorld(t)
	one, two := w.user("one", access.Epi, dose.Identified, "06037"), w.user("two", access.Epi, dose.Identified, "06037", "06019")
	rec := w.get(base+"/"+id+"/manifest.json", one)
	var m release.Manifest
	if err := json.Unmarshal(rec.Body.Bytes(), &m); err != nil || rec.Code != 200 || m.Place != "06037" || len(m.Files) != 3 {
		t.Errorf("%d %+v %v", rec.Code, m, err)
	}
	if p := refused(t, w.get(base+"/"+id+"/manifest.json", two), 403); !strings.Contains(p.Detail, "/counties/{fips}/") {
		t.Error(p.Detail)
	}
	rec = w.get(base, two)
	var list struct{ Releases []releaseInfo }
	if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil || len(list.Releases) != 1 || list.Releases[0].ID != id || !list.Releases[0].Latest {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if n := len(list.Releases[0].Files); n != 4*4 { // 06019, 06037 and the two cities in it
		t.Errorf("%d files listed", n)
	}
	rec = w.get(base+"/"+id, w.user("three", access.Epi, dose.Identified, "06019"))
	for _, place := range dose.Places() {
		if strings.Contains(rec.Body.String(), "counties/"+string(place)+"/") != (place == "06019") {
			t.Errorf("detail: %s", place)
		}
	}
	if strings.Contains(rec.Body.String(), "county_day") {
		t.Error("detail names the state's files")
	}
}

func TestHeldRelease(t *testing.T) {
	w := newWorld(t)
	epi, steward := w.user("epi", access.Epi, dose.Identified, "06019"), w.user("steward", access.Steward, dose.Identified)
	path := base + "/" + held + "/counties/06019/dose.csv"
	refused(t, w.get(path, epi), 409)
	refused(t, w.get(base+"/"+held, epi), 409)
	refused(t, w.get(base+"/"+held+"/manifest.json", epi), 409)
	if rec := w.get(path, steward); rec.Code != 200 {
		t.Error(rec.Code)
	}
	if rec := w.get(base, steward); !strings.Contains(rec.Body.String(), held) {
		t.Error("the steward must see what is held")
	}
	w.write("releases/latest", []byte(held)) // approved
	if rec := w.get(path, epi); rec.Code != 200 {
		t.Error(rec.Code)
	}
}

func TestLatest(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	for path, want := range map[string]string{
		"": "", "/manifest.json": "/manifest.json", "/counties/06019/dose.csv?x=1": "/counties/06019/dose.csv?x=1", "/county_day.csv": "/county_day.csv",
	} {
		rec := w.get(base+"/latest"+path, token)
		if rec.Code != 303 || rec.Header().Get("Location") != base+"/"+id+want {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Header().Get("Location"))
		}
		refused(t, w.get(base+"/latest"+path, ""), 401)
	}
	if err := os.Remove(filepath.Join(w.dir, "releases", "latest")); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(base+"/latest", token), 404)
	refused(t, w.get("/readyz", ""), 503)
}

func TestNotFoundAndMalformed(t *testing.T) {
	w := newWorld(t)
	token := w.user("steward", access.Steward, dose.Identified)
	r := base + "/" + id
	for path, want := range map[string]int{
		file("06002", "dose.csv"): 404, file("99999", "dose.csv"): 404, file("6019", "dose.csv"): 400, file("Fresno", "dose.csv"): 400,
		file("06019", "dose.pdf"): 404, file("06019", "dose"): 404, file("06019", "secret.csv"): 404, file("06019", ".csv"): 404,
		file("06019", "manifest.json.csv"):                    404,
		base + "/000099-0123abcd/counties/06019/dose.csv":     404,
		base + "/x/counties/06019/dose.csv":                   404,
		base + "/x":                                           404,
		base + "/x/manifest.json":                             404,
		r + "/nothing.csv":                                    404,
		r + "/counties/06019":                                 404,
		"/api/v1/nothing":                                     404,
		"/etc/passwd":                                         404,
		r + "/counties/06019/../06037/dose.csv":               400,
		r + "/counties/%2e%2e/manifest.json":                  400,
		r + "/counties/06019%2F..%2F06037/dose.csv":           400,
		r + "/counties/06019/..%2F06037%2Fdose.csv":           400,
		r + "/counties/06019%2Fdose.csv":                      404,
		r + "/counties//06019/dose.csv":                       400,
		r + "/counties/06019/dose.csv/":                       400,
		r + "/counties/06019/%2F/dose.csv":                    400,
		r + "/counties/06019%00/dose.csv":                     400,
		r + "/counties/06019%5C..%5C06037/dose.csv":           400,
		base + "/..%2f..%2fcontrol.db/manifest.json":          400,
		base + "/" + id + "%2Fcounties%2F06037/manifest.json": 404,
		r + "/counties%2F06037%2Fdose.csv":                    404,
		r + "/counties/06019/counties%2F06037%2Fdose.csv":     404,
	} {
		if p := refused(t, w.get(path, token), want); strings.Contains(p.Detail, w.dir) {
			t.Errorf("%s tells the server's paths: %s", path, p.Detail)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		rec := w.ask(method, file("06019", "dose.csv"), token)
		refused(t, rec, 405)
		if rec.Header().Get("Allow") != "GET, HEAD" {
			t.Error(rec.Header())
		}
	}
}

func TestOpenPages(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{"/": "curl", "/healthz": "ok", "/readyz": "ready"} {
		if rec := w.get(path, ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), want) || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	refused(t, w.get("/api/v1/dictionary", ""), 401)
	if rec := w.get("/api/v1/dictionary", w.user("p", access.Plan, dose.Deidentified)); rec.Code != 200 || !strings.Contains(rec.Body.String(), "vax_event_id") {
		t.Error(rec.Code)
	}
	w.db.Close()
	refused(t, w.get("/readyz", ""), 503)
}

func TestRunStopsGracefully(t *testing.T) {
	w := newWorld(t)
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	inside, goOn := make(chan struct{}), make(chan struct{})
	w.convert = func(ctx context.Context, src, dst, format string) (int64, error) {
		close(inside)
		<-goOn
		return plainConvert(ctx, src, dst, format)
	}
	go func() { ended <- Run(ctx, l, w.h) }()
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	got := make(chan string, 1)
	go func() {
		r, _ := http.NewRequest("GET", "http://"+l.Addr().String()+file("06019", "dose.csv"), nil)
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			got <- err.Error()
			return
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		got <- fmt.Sprint(res.StatusCode, " ", err, " ", string(b[:20]))
	}()
	<-inside
	cancel()
	close(goOn)
	if s := <-got; !strings.HasPrefix(s, "200 <nil> csv of PAR1") {
		t.Error(s)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
