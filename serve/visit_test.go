package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
