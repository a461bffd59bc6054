package serve

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// canaries stand for what is a person's and for secrets.
var canaries = []string{"Plughname", "Zyxwvut", "1913-11-17", "77 Xyzzystreet", "dbk_CanaryCanaryCanary"}

// Every operation of the document, with names, a birth date, an address and a
// token in each part of a request that a caller can fill, and in the data: none
// of it in the log, the metrics, the audit, an error or an address that is
// sent back. TestNoPersonInOutput does the same with the program and its
// feeds.
func TestCanaries(t *testing.T) {
	w := newWorld(t)
	w.cfg.SignIn = &SignIn{Issuer: "http://127.0.0.1:1", Client: "d", URL: "https://doses.example", Secret: "dbk_CanaryCanaryCanary"}
	w.h = New(w.cfg)
	mine := "releases/" + id + "/counties/06019/dose.parquet"
	w.write(mine, []byte("PAR1 "+strings.Join(canaries, " ")+" PAR1")) // not what the manifest says: an error about it
	tokens := []string{w.user("steward", access.Steward, dose.Identified), w.user("epi", access.Epi, dose.Limited, "06019"), "", "dbk_CanaryCanaryCanary"}
	asked, n, part := 0, 0, 3 // a third of all, each canary in turn
	if os.Getenv("DOSEBOOK_TEST_LONG") == "1" {
		part = 1
	}
	for path, operations := range readDocument(t, w).Paths {
		for method := range operations {
			for _, canary := range canaries {
				typed := url.PathEscape(canary)
				for _, fill := range [][]string{
					{"{id}", typed, "{release}", typed, "{fips}", typed, "{file}", typed, "{key}", typed, "{secret}", typed},
					{"{id}", id, "{release}", id, "{fips}", "06037", "{file}", typed + ".csv", "{key}", typed, "{secret}", typed},
					{"{id}", typed, "{release}", typed, "{fips}", "06037", "{file}", "dose.csv", "{key}", typed, "{secret}", typed},
					{"{id}", id, "{release}", id, "{fips}", "06019", "{file}", "dose.parquet", "{key}", typed, "{secret}", typed},
				} {
					for _, token := range tokens {
						if n++; n%part != 0 {
							continue
						}
						asked++
						canaryRequest(t, w, strings.ToUpper(method), strings.NewReplacer(fill...).Replace(path), canary, token)
					}
				}
			}
		}
	}
	if asked < 2000/part {
		t.Error("only", asked)
	}
	es, err := w.access.ListAudit(t.Context(), "", 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	quiet(t, "the log", w.log.String())
	quiet(t, "the metrics", w.get("/metrics", "").Body.String())
	for _, e := range es {
		quiet(t, "the audit", strings.Join([]string{e.User, e.Remote, e.Purpose, e.Action, e.Release, e.Place, e.File, e.Detail}, "\n"))
	}
	if st, err := os.Stat(w.dir + "/" + mine); err != nil || st.Size() == 0 {
		t.Error(err)
	}
	t.Logf("%d requests, %d entries", asked, len(es))
}

func canaryRequest(t *testing.T, w *world, method, path, canary, token string) {
	t.Helper()
	query := url.Values{"since": {canary}, "to": {"/" + canary}, "code": {canary}, "state": {canary}, canary: {canary}}
	r := httptest.NewRequest(method, "http://x"+path+"?"+query.Encode(), strings.NewReader(`{"county":"06019","columns":["`+canary+`"],"`+canary+`":1,"release":"`+canary+`"}`)).WithContext(t.Context())
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range []string{"User-Agent", "Referer", "Cookie", "X-Forwarded-For", "Prefer", "If-None-Match", "Range", "Origin", "Accept"} {
		r.Header.Set(h, canary)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	if rec.Code >= 400 {
		quiet(t, method+" "+path, rec.Body.String())
	}
	for name, values := range rec.Header() {
		// An address may go on with what the caller typed into it, to the
		// caller alone; a secret never.
		if text := strings.Join(values, " "); name != "Location" || rec.Code != http.StatusSeeOther {
			if name == "Set-Cookie" {
				continue // the flow's own, back to the browser that sent it
			}
			quiet(t, method+" "+path+" "+name, text)
		}
	}
}

func quiet(t *testing.T, where, text string) {
	t.Helper()
	for _, c := range canaries {
		if at := strings.Index(text, c); at >= 0 {
			t.Errorf("%s holds %q: …%s", where, c, text[max(0, at-60):min(len(text), at+80)])
			return
		}
	}
}
