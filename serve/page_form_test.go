package serve

import (
	"context"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

var formValue = regexp.MustCompile(`name="form" value="([^"]+)"`)

// send posts a form as a browser does; key is its proof.
func (w *world) send(path, token, key string, pairs ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	v := url.Values{"form": {key}}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode())).WithContext(w.t.Context())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

// keyOf reads the proof from the page.
func (w *world) keyOf(path, token string) string {
	w.t.Helper()
	rec := w.get(path, token)
	m := formValue.FindStringSubmatch(rec.Body.String())
	if m == nil {
		w.t.Fatalf("%s: %d, no form", path, rec.Code)
	}
	return m[1]
}

// A wish is asked for, refused to who may not decide, to oneself, and without a
// reason, and approved by another: each refusal a page that says why.
func TestFormsOfAccess(t *testing.T) {
	w := newWorld(t)
	epi, sam, eve := w.user("epi", access.Epi, dose.Limited, "06019"), w.user("sam", access.Steward, dose.Identified), w.user("eve", access.Steward, dose.Identified)
	if _, err := w.access.AddAgreement(t.Context(), "root", access.Agreement{Number: "26-1", Organisation: "Fresno County", Signed: day.AddDate(0, -1, 0).Format(time.DateOnly)}); err != nil {
		t.Fatal(err)
	}
	key, samKey, eveKey := w.keyOf("/access", epi), w.keyOf("/access", sam), w.keyOf("/access", eve)
	wish := []string{"place", "06037", "role", "epi", "level", "limited", "agreement", "26-1", "training", day.AddDate(0, -1, 0).Format(time.DateOnly), "purpose", "schools"}
	says := func(rec *httptest.ResponseRecorder, code int, words string) {
		t.Helper()
		if rec.Code != code || !strings.Contains(rec.Body.String(), words) {
			t.Errorf("%d, want %d and %q: %s", rec.Code, code, words, rec.Body)
		}
	}
	says(w.send("/access/requests", epi, "", wish...), 403, "from no page")
	says(w.send("/access/requests", epi, samKey, wish...), 403, "from no page")
	says(w.send("/access/requests", epi, key, "place", "06037", "role", "epi", "level", "limited"), 400, "on one line")
	says(w.send("/access/requests", epi, key, append(wish, "user", "eve")...), 403, "may not manage")
	if rec := w.send("/access/requests", epi, key, wish...); rec.Code != 303 || rec.Header().Get("Location") != "/access?did=asked#ask" {
		t.Fatal(rec.Code, rec.Body)
	}
	decision := []string{"request", "1", "decision", "approve", "level", "limited", "reason", "agreed"}
	says(w.send("/access/decisions", epi, key, decision...), 403, "may not manage")
	says(w.send("/access/decisions", sam, samKey, "request", "1", "decision", "approve", "level", "limited"), 400, "reason")
	says(w.send("/access/decisions", sam, samKey, "request", "1", "decision", "perhaps", "reason", "x"), 400, "approve or deny")
	says(w.send("/access/decisions", sam, samKey, append(decision, "expires", "soon")...), 400, "YYYY-MM-DD")
	if rec := w.send("/access/decisions", sam, samKey, decision...); rec.Code != 303 {
		t.Fatal(rec.Code, rec.Body)
	}
	says(w.send("/access/decisions", sam, samKey, decision...), 409, "approved by sam")
	if rec := w.get("/counties/06037", epi); rec.Code == 403 {
		t.Error("what was approved does not open")
	}
	w.send("/access/requests", sam, samKey, wish...)
	says(w.send("/access/decisions", sam, samKey, "request", "2", "decision", "approve", "level", "limited", "reason", "I need it"), 403, "for themself")
	if page := w.get("/access", sam).Body.String(); !strings.Contains(page, "Another steward decides") {
		t.Error("one's own request has a form")
	}
	if rec := w.send("/access/decisions", eve, eveKey, "request", "2", "decision", "deny", "reason", "not needed"); rec.Code != 303 {
		t.Error(rec.Code, rec.Body)
	}
	if page := w.get("/access", sam).Body.String(); !strings.Contains(page, "denied by eve") || !strings.Contains(page, "not needed") {
		t.Error("the reason is not told")
	}
}

// A token makes no token, and ends only its user's.
func TestFormsOfTokens(t *testing.T) {
	w := newWorld(t)
	epi := w.user("epi", access.Epi, dose.Limited, "06019")
	other := w.user("other", access.Epi, dose.Limited, "06019")
	key := w.keyOf("/access", epi)
	if rec := w.send("/access/tokens", epi, key, "name", "x", "days", "9"); rec.Code != 403 || !strings.Contains(rec.Body.String(), "makes no other token") {
		t.Error(rec.Code, rec.Body)
	}
	if rec := w.send("/access/revocations", epi, key, "token", "2"); rec.Code != 404 {
		t.Error(rec.Code, rec.Body)
	}
	if rec := w.get("/access", other); rec.Code != 200 {
		t.Error("another's token was ended")
	}
	if rec := w.send("/access/revocations", epi, key, "token", "1"); rec.Code != 303 {
		t.Error(rec.Code, rec.Body)
	}
	if rec := w.get("/access", epi); rec.Code != 401 {
		t.Error("a revoked token lives:", rec.Code)
	}
	// A person who signed in makes one, and no one whose groups narrow.
	ctx := t.Context()
	p := access.Principal{User: "epi", Session: 1}
	if plain, tok, err := w.access.MakeOwnToken(ctx, p, "pull", 48*time.Hour); err != nil || tok.User != "epi" || w.get("/access", plain).Code != 200 {
		t.Error(err)
	}
	full, err := w.access.Principal(ctx, "epi")
	full.Session, full.Roles = 1, []access.Role{access.Auditor}
	if _, _, narrow := w.access.MakeOwnToken(ctx, full, "pull", 48*time.Hour); err != nil || narrow == nil {
		t.Error("a narrowed session makes a token that is not")
	}
	if _, _, err := w.access.MakeOwnToken(ctx, p, "pull", 91*24*time.Hour); err == nil {
		t.Error("a token for ever")
	}
}

// Only a steward of the whole state decides on a release, with a reason.
func TestFormOfReleases(t *testing.T) {
	w := newWorld(t)
	var got []release.Decision
	w.cfg.Decide = func(_ context.Context, _ string, d release.Decision) error { got = append(got, d); return nil }
	w.h = New(w.cfg)
	epi, sam := w.user("epi", access.Epi, dose.Identified, "06019"), w.user("sam", access.Steward, dose.Identified)
	path, key := "/releases/"+id+"/decision", w.keyOf("/access", sam)
	for _, bad := range []struct {
		token, key, decision, reason string
		code                         int
	}{{epi, w.keyOf("/access", epi), "hold", "x", 403}, {sam, "", "hold", "x", 403}, {sam, key, "hold", " ", 400}, {sam, key, "burn", "x", 400}} {
		if rec := w.send(path, bad.token, bad.key, "decision", bad.decision, "reason", bad.reason); rec.Code != bad.code {
			t.Errorf("%+v: %d %s", bad, rec.Code, rec.Body)
		}
	}
	if rec := w.send(path, sam, key, "decision", "hold", "reason", "a recall"); rec.Code != 303 || len(got) != 1 || got[0].Status != release.Held || got[0].By != "sam" || got[0].Reason != "a recall" {
		t.Error(rec.Code, rec.Body, got)
	}
}

// What was counted ahead is shown without the place's files.
func TestPagesAreCountedAhead(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	s := w.h.(*service)
	if n := s.server.countAll(t.Context(), id); n < 60 {
		t.Fatalf("%d places were counted", n)
	}
	for key := range map[string]bool{"county " + id + " 06037": true, "last " + id: true, "state " + id: true} {
		if s.server.views.kept[key] == nil {
			t.Errorf("%s is not kept", key)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s.warm(ctx) // ends
}

func TestLanguages(t *testing.T) {
	for accept, want := range map[string]string{"": "en", "es": "es", "es-MX,es;q=0.9,en;q=0.8": "es", "en-US,en;q=0.9,es;q=0.8": "en", "fr": "en", "es;q=0": "en", "es;q=nine, en;q=0.1": "en"} {
		if got := preferred(accept); got != want {
			t.Errorf("%s: %s", accept, got)
		}
	}
}
