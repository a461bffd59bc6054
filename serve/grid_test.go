package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// reader is one user of the grid.
type reader struct {
	name, token string
	role        access.Role
	level       dose.Level
	place       dose.Place // empty: all
}

// readers are every role at every level, each for all places and for some
// place of their own.
func readers(w *world, places []dose.Place) (out []reader) {
	for _, role := range []access.Role{access.Steward, access.Epi, access.Reporter, access.Analyst, access.Plan, access.Auditor} {
		for _, level := range []dose.Level{dose.Identified, dose.Limited, dose.Deidentified} {
			for _, place := range append([]dose.Place{""}, places...) {
				r := reader{name: fmt.Sprintf("%s-%s-%s", role, level, place), role: role, level: level, place: place}
				mine := []dose.Place{place}
				if place == "" {
					mine = nil
				}
				r.token = w.user(strings.Trim(r.name, "-"), role, level, mine...)
				if role == access.Analyst { // whatever the grant says
					r.level = dose.Deidentified
				}
				out = append(out, r)
			}
		}
	}
	return out
}

// sees says, by the table of docs/ACCESS.md and not by Decide, whether the
// reader may have a place's file of a level.
func (r reader) sees(place dose.Place, level dose.Level) bool {
	if r.role == access.Plan || r.role == access.Auditor || r.level < level {
		return false
	}
	if place == dose.OutOfState || place == dose.UnknownCounty {
		return r.place == "" && (r.role == access.Steward || r.role == access.Reporter)
	}
	in := map[dose.Place]dose.Place{"berkeley": "06001", "long-beach": "06037", "pasadena": "06037"}
	return r.place == "" || r.place == place || in[place] == r.place
}

var (
	rowsOf  = regexp.MustCompile(`rows of <([^>]+)> table (\w+)`)
	atLevel = regexp.MustCompile(`at level (\w+)`)
)

// TestGrid asks every address that the OpenAPI document makes, for every
// place and file it lists, as every role at every level: rows of no other
// place, nothing above the level, nothing without a grant. The expectation is
// written beside the table of docs/ACCESS.md, not taken from Decide.
// DOSEBOOK_TEST_LONG=1 asks all of it, else a sample with a fixed seed.
func TestGrid(t *testing.T) {
	w := newWorld(t)
	w.cfg.Limits = Limits{PerSecond: 1e9, Burst: 1e9}
	w.cfg.Limit = func(_ context.Context, src, dst string) (int64, error) { return 3, relevel(src, dst, dose.Limited) }
	w.h = New(w.cfg)
	w.db.SetMaxOpenConns(1)
	if _, err := w.db.Exec("pragma synchronous = off"); err != nil { // TestAuditComesBeforeBytes is about the disk
		t.Fatal(err)
	}
	share := 0.02
	if os.Getenv("DOSEBOOK_TEST_LONG") == "1" {
		share = 1
	}
	random := rand.New(rand.NewPCG(8, 8))
	own := []dose.Place{"06001", "06019", "berkeley"}
	if share == 1 {
		own = slices.DeleteFunc(dose.Places(), func(p dose.Place) bool { return p == dose.OutOfState || p == dose.UnknownCounty })
	}
	all := readers(w, own)
	asked, given := 0, 0
	for _, at := range addresses(t, w) {
		for _, r := range all {
			if random.Float64() >= share {
				continue
			}
			asked++
			rec := w.ask(at.method, at.path, r.token)
			if rec.Code < 300 {
				given++
			}
			if wrong := at.judge(r, rec.Code, rec.Body.String()); wrong != "" {
				t.Errorf("%s, %s %s: %d, %s", r.name, at.method, at.path, rec.Code, wrong)
			}
		}
	}
	if asked < 1000 || given < 100 {
		t.Errorf("a grid of %d, %d given", asked, given)
	}
	t.Logf("%d readers, %d requests, %d answered", len(all), asked, given)
}

// address is one request that the document makes.
type address struct {
	method, path, template, policy string
	place                          dose.Place
}

// addresses fills each path of the document with every place and file.
func addresses(t *testing.T, w *world) (out []address) {
	t.Helper()
	for template, operations := range readDocument(t, w).Paths {
		for method, op := range operations {
			if op.Policy == "open" || strings.Contains(template, "{release}") || !strings.HasPrefix(template, "/api/") {
				continue // pages read rows, which this world's files have not
			}
			paths := []address{{strings.ToUpper(method), strings.Replace(template, "{id}", id, 1), template, op.Policy, ""}}
			for _, p := range op.Parameters {
				if p.In != "path" || len(p.Schema.Enum) == 0 {
					continue
				}
				var more []address
				for _, a := range paths {
					for _, v := range p.Schema.Enum {
						b := a
						b.path = strings.Replace(a.path, "{"+p.Name+"}", v, 1)
						if p.Name == "fips" {
							b.place = dose.Place(v)
						}
						more = append(more, b)
					}
				}
				paths = more
			}
			out = append(out, paths...)
		}
	}
	slices.SortFunc(out, func(a, b address) int { return strings.Compare(a.method+a.path, b.method+b.path) })
	return out
}

// judge says what is wrong with an answer; nothing where it is right.
func (a address) judge(r reader, status int, body string) string {
	for _, m := range rowsOf.FindAllStringSubmatch(body, -1) {
		level := dose.Identified
		if l := atLevel.FindStringSubmatch(body); l != nil {
			level, _ = dose.ParseLevel(l[1])
		}
		if m[1] == "state" {
			if r.place != "" || r.role != access.Steward && r.role != access.Reporter || m[2] == "reject" && r.level < dose.Identified {
				return "the state's rows"
			}
		} else if !r.sees(dose.Place(m[1]), level) || a.place != "" && dose.Place(m[1]) != a.place {
			return "rows of " + m[1] + " at level " + level.String()
		}
	}
	for _, m := range countyPath.FindAllStringSubmatch(body, -1) { // manifests and lists
		if !r.sees(dose.Place(m[1]), dose.Identified) && status < 300 {
			// The root manifest names all files, with no person in it.
			if root := strings.HasSuffix(a.template, "{id}/manifest.json") && r.place == "" && (r.role == access.Steward || r.role == access.Reporter); !root {
				return "the files of " + m[1]
			}
		}
	}
	may, ruled := a.may(r)
	switch {
	case status >= 500:
		return "a server's error"
	case ruled && may && (status == 401 || status == 403):
		return "refused"
	case ruled && !may && status != 403:
		return "not refused"
	}
	return ""
}

var countyPath = regexp.MustCompile(`counties/([0-9a-zA-Z-]+)/`)

// may says whether the reader may pass the door, by docs/ACCESS.md.
func (a address) may(r reader) (may, ruled bool) {
	switch {
	case a.policy == "user", a.policy == "list releases, deidentified":
		return true, true
	case a.place != "" && strings.HasPrefix(a.policy, "read place files, "):
		level, err := dose.ParseLevel(strings.TrimPrefix(a.policy, "read place files, "))
		return r.sees(a.place, level), err == nil
	case a.place != "" && a.policy == "read audit, deidentified":
		stateOnly := a.place == dose.OutOfState || a.place == dose.UnknownCounty
		scope := reader{role: access.Steward, level: dose.Identified, place: r.place}
		return (r.role == access.Steward || r.role == access.Auditor) && scope.sees(a.place, dose.Deidentified) && !(stateOnly && r.place != ""), true
	case strings.HasPrefix(a.policy, "read state files") && strings.HasSuffix(a.template, "{file}"):
		level := dose.Deidentified
		if strings.Contains(a.path, "/reject.") {
			level = dose.Identified
		}
		return r.place == "" && (r.role == access.Steward || r.role == access.Reporter) && r.level >= level, true
	}
	return false, false // what the body holds is judged all the same
}

// relevel stands for release.Limit: it marks the level of what it writes.
func relevel(src, dst string, level dose.Level) error {
	b, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	return os.WriteFile(dst, append([]byte("at level "+level.String()+" "), b...), 0o600)
}

// An extract is judged by its question: every place and level asked for, by
// every reader.
func TestGridOfExtracts(t *testing.T) {
	w := newWorld(t)
	w.cfg.Limits = Limits{PerSecond: 1e9, Burst: 1e9}
	w.cfg.Extract = plainExtract
	w.h = New(w.cfg)
	for _, r := range readers(w, []dose.Place{"06001", "berkeley"}) {
		for _, place := range []dose.Place{"06001", "berkeley", "06019", "06037", dose.OutOfState} {
			for column, level := range map[string]dose.Level{"admin_date": dose.Limited, "recip_last_name": dose.Identified} {
				q, _ := json.Marshal(map[string]any{"county": place, "columns": []string{column}, "format": "csv"})
				req, _ := http.NewRequestWithContext(t.Context(), "POST", extracts, strings.NewReader(string(q)))
				req.Header.Set("Authorization", "Bearer "+r.token)
				req.RemoteAddr = "192.0.2.1:1"
				rec := httptest.NewRecorder()
				w.h.ServeHTTP(rec, req)
				if refused := rec.Code == 403 || rec.Code == 400; refused == r.sees(place, level) {
					t.Errorf("%s asks for %s of %s: %d %s", r.name, column, place, rec.Code, rec.Body)
				}
			}
		}
	}
}
