package serve

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// last returns a user's newest entry.
func (w *world) last(user string) access.Entry {
	w.t.Helper()
	es, err := w.access.ListAudit(w.t.Context(), user, 0, 10_000)
	if err != nil || len(es) == 0 {
		w.t.Fatal(len(es), err)
	}
	return es[len(es)-1]
}

func TestEndsOfDownloads(t *testing.T) {
	w := newWorld(t)
	if _, err := w.access.Grant(t.Context(), "root", access.Grant{User: "epi", Role: access.Epi, Level: dose.Identified, Places: []dose.Place{"06019"}, Purpose: "outbreak"}); err != nil {
		t.Fatal(err)
	}
	token, _, err := w.access.CreateToken(t.Context(), "root", "epi", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	path, whole := file("06019", "dose.parquet"), int64(len(content(id, "06019", "dose")))
	tag := w.get(path, token).Header().Get("ETag")
	for _, c := range []struct {
		head    []string
		outcome string
		bytes   int64
	}{
		{nil, "whole", whole}, {[]string{"Range", "bytes=0-9"}, "part", 10}, {[]string{"If-None-Match", tag}, "none", 0}, {[]string{"Range", "bytes=0-"}, "part", whole},
	} {
		before := w.last("epi").Seq
		w.get(path, token, c.head...)
		e := w.last("epi")
		if e.Action != "end" || e.Outcome != c.outcome || e.Bytes != c.bytes || e.Seq != before+2 || e.Of != before+1 || e.Purpose != "outbreak" || e.Place != "06019" || e.Rows != 0 {
			t.Errorf("%v: %+v", c.head, e)
		}
	}
	before := w.last("epi").Seq
	w.get(path, token, "Range", "bytes=9999-")
	if e := w.last("epi"); e.Action != "end" || e.Outcome != "none" {
		t.Errorf("out of bounds: %+v", e)
	}
	w.ask("HEAD", path, token)
	if e := w.last("epi"); e.Action != "head" || e.Seq != before+3 {
		t.Errorf("HEAD: %+v", e)
	}
	// The client goes away.
	r := httptest.NewRequest("GET", path, nil).WithContext(t.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	func() {
		defer func() { _ = recover() }()
		w.h.ServeHTTP(broken{httptest.NewRecorder()}, r)
	}()
	if e := w.last("epi"); e.Action != "end" || e.Outcome != "cut" || e.Bytes >= whole {
		t.Errorf("cut: %+v", e)
	}
}

// broken is a connection that takes ten bytes.
type broken struct{ *httptest.ResponseRecorder }

func (b broken) Write(p []byte) (int, error) {
	n, _ := b.ResponseRecorder.Write(p[:min(len(p), 10)])
	return n, io.ErrClosedPipe
}

// Every error on the way to a decision: not a byte of a record, and no file's
// name in an answer that a client could keep.
func TestEveryErrorIsARefusal(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, w *world)
		status string
	}{
		"clock set back":   {func(t *testing.T, w *world) { w.now = day.Add(-48 * time.Hour) }, "403"},
		"no clock":         {func(t *testing.T, w *world) { w.now = time.Time{} }, "403"},
		"closed":           {func(t *testing.T, w *world) { w.db.Close() }, "500"},
		"locked":           {lock, "500"},
		"corrupt":          {corrupt, "500"},
		"no grants":        {exec("drop table access_attestation; drop table access_request; drop table access_grant"), "500"},
		"no agreements":    {exec("alter table access_agreement rename to gone"), "500"},
		"no attestations":  {exec("alter table access_attestation rename to gone"), "500"},
		"no clock kept":    {exec("drop table access_clock"), "500"},
		"no audit":         {exec("drop table audit"), "500"},
		"no readings":      {exec("drop table access_reading"), "500"},
		"audit full":       {exec("create trigger full before insert on audit begin select raise(abort, 'disk full'); end"), "500"},
		"damaged grant":    {exec("update access_grant set level = 'all'"), "403"},
		"damaged end":      {exec("update access_grant set expires_at = 'never'"), "500"},
		"damaged token":    {exec("update access_token set places = 'all'"), "403"},
		"damaged life":     {exec("update access_token set expires_at = 'never'"), "500"},
		"damaged clock":    {exec("update access_clock set seen_at = 'now'"), "500"},
		"user's tokens":    {exec("update access_token set user = 'nobody'"), "401"},
		"agreement ended":  {exec("insert into access_agreement values ('A', 'X', '2024-01-01', 9e15, 0, 'root', 1, 'root'); update access_grant set agreement = 'A'"), "403"},
		"agreement passed": {exec("insert into access_agreement values ('A', 'X', '2020-01-01', 1, 0, 'root', null, null); update access_grant set agreement = 'A'"), "403"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			token := w.user("epi", access.Epi, dose.Identified, "06019")
			if rec := w.get(file("06019", "dose.csv"), token); rec.Code != 200 {
				t.Fatal(rec.Code)
			}
			if strings.HasPrefix(c.status, "401") {
				must(t, w.db, "pragma foreign_keys = off; insert into access_user values ('nobody', 0, 'root')")
			}
			c.spoil(t, w)
			for _, path := range []string{file("06019", "dose.csv"), file("06019", "dose.parquet"), file("06019", "manifest.json"), base, base + "/" + id, "/api/v1/audit/06019",
				"/releases", "/releases/" + id + "/counties/06019/rows?table=dose"} {
				rec := w.get(path, token)
				if path == "/api/v1/audit/06019" && rec.Code == 403 {
					continue // the role's refusal comes first
				}
				if fmt.Sprint(rec.Code) != c.status {
					if rec.Code != 500 && name == "no readings" && (!strings.Contains(path, "dose") || strings.Contains(path, "/rows")) {
						continue // reads no file of a place
					}
					t.Errorf("%s: %d, want %s", path, rec.Code, c.status)
				}
				if strings.Contains(rec.Body.String(), "rows of") || strings.Contains(rec.Body.String(), "counties/06019") {
					t.Errorf("%s: %s", path, rec.Body)
				}
			}
		})
	}
}

// A request that was cancelled gets nothing, wherever it was.
func TestCancelledGetsNothing(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	r := httptest.NewRequest("GET", file("06019", "dose.parquet"), nil)
	r.Header.Set("Authorization", "Bearer "+token)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r.WithContext(ctx))
	if rec.Code < 400 || strings.Contains(rec.Body.String(), "rows of") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func exec(q string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { must(t, w.db, "pragma foreign_keys = off; "+q) }
}

func must(t *testing.T, db *sql.DB, q string) {
	t.Helper()
	db.SetMaxOpenConns(1) // so that the pragma holds
	if _, err := db.Exec(q); err != nil {
		t.Fatal(err)
	}
}

// lock holds the write lock in another connection. Waiting for it is cut
// short: ten seconds are for production.
func lock(t *testing.T, w *world) {
	must(t, w.db, "pragma busy_timeout = 20")
	other, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "control.db")+"?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(tx.Rollback(), other.Close()) })
}

// corrupt overwrites all but the first page.
func corrupt(t *testing.T, w *world) {
	must(t, w.db, "pragma wal_checkpoint(truncate)")
	path := filepath.Join(w.dir, "control.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ {
		b[i] = 0xA5
	}
	w.db.Close()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.cfg.Access = access.Open(db, func() time.Time { return w.now })
	w.h = New(w.cfg)
}

// Revoked while a file runs: the next file is refused at once.
func TestRevokedDuringADownload(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	inside, goOn := make(chan struct{}), make(chan struct{})
	w.convert = func(ctx context.Context, src, dst, format string) (int64, error) {
		close(inside)
		<-goOn
		return plainConvert(ctx, src, dst, format)
	}
	done := make(chan int, 1)
	go func() { done <- w.get(file("06019", "dose.csv"), token).Code }()
	<-inside
	if err := w.access.Revoke(t.Context(), "root", 1); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(file("06019", "dose.parquet"), token), 403)
	close(goOn)
	<-done
	refused(t, w.get(file("06019", "dose.csv"), token), 403)
}

func TestWhoSawMyCounty(t *testing.T) {
	w := newWorld(t)
	w.get(file("06019", "dose.parquet"), w.user("ana", access.Epi, dose.Identified, "06019"))
	w.get(file("06037", "dose.parquet"), w.user("cy", access.Epi, dose.Identified, "06037"))
	mine := w.user("sam", access.Steward, dose.Identified, "06019")
	var a struct{ Readings []access.Reading }
	rec := w.get("/api/v1/audit/06019", mine)
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil || rec.Code != 200 || len(a.Readings) != 1 || a.Readings[0].User != "ana" || a.Readings[0].Rows != 3 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if e := w.last("sam"); e.Action != "audit" || e.Place != "06019" || e.Outcome != "allowed" {
		t.Errorf("%+v", e)
	}
	for path, want := range map[string]int{"/api/v1/audit/06037": 403, "/api/v1/audit/06019?since=2024-05-02": 200, "/api/v1/audit/06019?since=x": 400, "/api/v1/audit/all": 400, "/api/v1/audit/OOS": 403} {
		if rec := w.get(path, mine); rec.Code != want {
			t.Errorf("%s: %d, want %d", path, rec.Code, want)
		}
	}
	if rec := w.get("/api/v1/audit/06037", w.user("aud", access.Auditor, dose.Deidentified)); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"cy"`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	refused(t, w.get("/api/v1/audit/06019", w.user("e", access.Epi, dose.Identified, "06019")), 403)
}

func TestLimitsOfOneUser(t *testing.T) {
	w := newWorld(t)
	w.cfg.Limits = Limits{PerSecond: 2, Burst: 5}
	w.h = New(w.cfg)
	one, two := w.user("one", access.Epi, dose.Identified, "06019"), w.user("two", access.Epi, dose.Identified, "06019")
	ask := func(token string, times int) (got string) {
		for range times {
			got += fmt.Sprint(w.get("/api/v1/dictionary", token).Code, " ")
		}
		return got
	}
	if got := ask(one, 6); got != "200 200 200 200 200 429 " {
		t.Error(got)
	}
	if got := ask(two, 1); got != "200 " {
		t.Error("another user:", got)
	}
	w.now = day.Add(time.Second)
	if got := ask(one, 3); got != "200 200 429 " {
		t.Error(got)
	}
	p := refused(t, w.get("/api/v1/dictionary", one), http.StatusTooManyRequests)
	if rec := w.get("/api/v1/dictionary", one); rec.Header().Get("Retry-After") == "" || !strings.Contains(p.Detail, "2 things a second") {
		t.Errorf("%s %v", p.Detail, rec.Header())
	}
	// Who never signs in is counted by address.
	w.now = day.Add(time.Hour)
	for range 5 {
		refused(t, w.get(base, "dbk_no"), 401)
	}
	refused(t, w.get(base, "dbk_no"), 429)
	if rec := w.get(base, two); rec.Code == 401 {
		t.Error("another's failures shut a user out")
	}
	// A day's bytes: four files of 256.
	w.cfg.Limits = Limits{DayBytes: 1000}
	w.h = New(w.cfg)
	w.now = day.Add(24 * time.Hour)
	path := file("06019", "dose.parquet")
	for n := 0; n < 4; n++ {
		if rec := w.get(path, two); rec.Code != 200 {
			t.Error(n, rec.Code)
		}
		w.now = w.now.Add(10 * time.Second)
	}
	if p := refused(t, w.get(path, two), 429); !strings.Contains(p.Detail, "tomorrow") {
		t.Error(p.Detail)
	}
	w.now = day.Add(48 * time.Hour)
	if rec := w.get(path, two); rec.Code != 200 {
		t.Error("the next day:", rec.Code)
	}
}

func TestCallersAreForgotten(t *testing.T) {
	now := day
	p := newPacer(Limits{Burst: 2, PerSecond: 1}, func() time.Time { return now })
	for i := range 2*maxCallers + 5 {
		if err := p.take(fmt.Sprint("from ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.of) > maxCallers {
		t.Errorf("%d callers are kept", len(p.of))
	}
	now = now.Add(-time.Hour) // back: nothing is filled
	_, _ = p.take("x"), p.take("x")
	if err := p.take("x"); !errors.Is(err, dose.ErrTooMuch) {
		t.Error(err)
	}
}
