package serve

import (
	"context"
	"encoding/json"
	"fmt"
	entities "html"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

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
	return r.place == "" || r.place == place || cityIn[place] == r.place
}

// state says whether the reader is the state's own.
func (r reader) state() bool {
	return r.place == "" && (r.role == access.Steward || r.role == access.Reporter)
}

var (
	rowsOf   = regexp.MustCompile(`rows of <([^>]+)> table (\w+)(?: at level (\w+))?`)
	atLevel  = regexp.MustCompile(`at level (\w+)`)
	figureOf = regexp.MustCompile(`\b7,?0(\d\d),?\d{3}\b`)
)

// extent is how much of a grid is asked: a sample with a fixed seed, of
// readers of some places; with DOSEBOOK_TEST_LONG=1 every address as every role
// and level by those who are near (see near); with DOSEBOOK_TEST_LONG=all by
// the readers of every place, which takes half an hour of a core.
func extent(sample float64) (share float64, own []dose.Place, all bool) {
	is := os.Getenv("DOSEBOOK_TEST_LONG")
	if is == "" {
		return sample, []dose.Place{"06001", "06019", "berkeley"}, true
	}
	return 1, slices.DeleteFunc(dose.Places(), func(p dose.Place) bool { return p == dose.OutOfState || p == dose.UnknownCounty }), is == "all"
}

var cityIn = map[dose.Place]dose.Place{"berkeley": "06001", "long-beach": "06037", "pasadena": "06037"}

// near says whether the reader is one of those by whom an address of a place
// is always asked: of all places, of this one, of the county around it or a
// city in it, and of the next one.
func (a address) near(r reader) bool {
	all := dose.Places()
	i := slices.Index(all, a.place)
	return i < 0 || r.place == "" || r.place == a.place || cityIn[r.place] == a.place || cityIn[a.place] == r.place || r.place == all[(i+1)%61]
}

// fast waits for no disk. That an answer waits for the disk is the control
// database's own promise, and TestKilledWhileServing's.
func (w *world) fast() {
	w.db.SetMaxOpenConns(1)
	if _, err := w.db.Exec("pragma synchronous = off"); err != nil {
		w.t.Fatal(err)
	}
}

// walkGrid asks each address as each reader, several at once, and judges the
// answers. The audit goes to memory as far as the disk is concerned:
// TestAuditComesBeforeBytes is about the disk.
func walkGrid(t *testing.T, w *world, all []address, sample float64, atLeast int) {
	t.Helper()
	w.cfg.Limits, w.cfg.Log, w.cfg.Downloads = Limits{PerSecond: 1e9, Burst: 1e9, DayBytes: 1 << 60}, nil, 100
	w.h = New(w.cfg)
	part, own, cross := extent(sample)
	people := readers(w, own)
	var asked, given, rows atomic.Int64
	var walk errgroup.Group
	walk.SetLimit(8)
	for n, at := range all {
		walk.Go(func() error {
			random := rand.New(rand.NewPCG(8, uint64(n)))
			for _, r := range people {
				if random.Float64() >= part || !cross && !at.near(r) {
					continue
				}
				asked.Add(1)
				rec := w.ask(at.method, at.path, r.token)
				if to := rec.Header().Get("Location"); rec.Code == http.StatusSeeOther && strings.HasPrefix(to, extracts) {
					rec = w.ask("GET", to, r.token)
				}
				if rec.Code < 300 {
					given.Add(1)
				}
				body := entities.UnescapeString(rec.Body.String())
				rows.Add(int64(len(rowsOf.FindAllString(body, -1)) + len(figureOf.FindAllString(body, -1))))
				if wrong := at.judge(r, rec.Code, body); wrong != "" {
					t.Errorf("%s, %s %s: %d, %s", r.name, at.method, at.path, rec.Code, wrong)
				}
			}
			return nil
		})
	}
	if err := walk.Wait(); err != nil || int(asked.Load()) < atLeast || int(given.Load()) < atLeast/20 || int(rows.Load()) < atLeast/20 {
		t.Errorf("%v: a grid of %d, %d given, %d marks of rows and counts", err, asked.Load(), given.Load(), rows.Load())
	}
	t.Logf("%d readers, %d addresses, %d requests, %d answered, %d marks of rows and counts in them", len(people), len(all), asked.Load(), given.Load(), rows.Load())
}

// TestGrid asks every address that the OpenAPI document makes, for every
// place and file it lists, as every role at every level: rows of no other
// place, nothing above the level, nothing without a grant. The expectation is
// written beside the table of docs/ACCESS.md, not taken from Decide.
func TestGrid(t *testing.T) {
	w := newWorld(t)
	w.cfg.Limit = func(_ context.Context, src, dst string) (int64, error) { return 3, relevel(src, dst, dose.Limited) }
	walkGrid(t, w, addresses(t, w, func(template, policy string) bool { return policy != "open" && strings.HasPrefix(template, "/api/") }), 0.02, 1000)
}

// TestGridOfPages asks every page, in a release of true Parquet: each text of
// it says whose it is and at which level it may be seen, each count whose it
// is. What a page leads to, the file of an extract with all columns, is asked
// too.
func TestGridOfPages(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	pages := addresses(t, w, func(template, policy string) bool {
		return template == "/" || policy != "open" && !strings.HasPrefix(template, "/api/")
	})
	for _, a := range pages {
		if strings.HasSuffix(a.template, "/rows") {
			for _, query := range []string{"?table=dose_event", "?table=recipient&columns=all", "?table=dose&columns=all"} {
				b := a
				b.path += query
				pages = append(pages, b)
			}
		}
	}
	walkGrid(t, w, pages, 0.03, 1000)
}

// address is one request that the document makes.
type address struct {
	method, path, template, policy string
	place                          dose.Place
}

// addresses fills each path of the document with every place and file.
func addresses(t *testing.T, w *world, which func(template, policy string) bool) (out []address) {
	t.Helper()
	for template, operations := range readDocument(t, w).Paths {
		for method, op := range operations {
			if !which(template, op.Policy) {
				continue
			}
			paths := []address{{strings.ToUpper(method), strings.NewReplacer("{id}", id, "{release}", id).Replace(template), template, op.Policy, ""}}
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
	for i := range out { // what the document does not list
		out[i].path = params.ReplaceAllString(out[i].path, "1")
	}
	slices.SortFunc(out, func(a, b address) int { return strings.Compare(a.method+a.path, b.method+b.path) })
	return out
}

// judge says what is wrong with an answer; nothing where it is right.
func (a address) judge(r reader, status int, body string) string {
	for _, m := range rowsOf.FindAllStringSubmatch(body, -1) {
		level := dose.Identified
		if m[3] != "" {
			level, _ = dose.ParseLevel(m[3])
		} else if l := atLevel.FindStringSubmatch(body); l != nil {
			level, _ = dose.ParseLevel(l[1])
		}
		if m[1] == "state" {
			if !r.state() || m[2] == "reject" && r.level < dose.Identified {
				return "the state's rows"
			}
		} else if !r.sees(dose.Place(m[1]), level) || a.place != "" && dose.Place(m[1]) != a.place {
			return "rows of " + m[1] + " at level " + level.String()
		}
	}
	for _, m := range figureOf.FindAllStringSubmatch(body, -1) {
		n, _ := strconv.Atoi(m[1])
		switch {
		case n < len(dose.Places()) && !r.sees(dose.Places()[n], dose.Limited):
			return "counts of " + string(dose.Places()[n])
		case n >= len(dose.Places()) && !r.state():
			return "the state's counts"
		}
	}
	if wrong := a.judgeLinks(r, status, body); wrong != "" && a.policy != "open" {
		return wrong
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

var countyPath = regexp.MustCompile(`(/api/v1/releases/[^/]+/)?counties/([0-9a-zA-Z-]+)/(limited/)?`)

// judgeLinks judges the files that manifests, lists and pages name: a place's
// own files are identified, its limited ones and its pages less.
func (a address) judgeLinks(r reader, status int, body string) string {
	page := !strings.HasPrefix(a.template, "/api/")
	for _, m := range countyPath.FindAllStringSubmatch(body, -1) {
		level := dose.Identified
		if m[3] != "" || page && m[1] == "" {
			level = dose.Limited
		}
		// The root manifest names all files, with no person in it.
		root := strings.HasSuffix(a.template, "{id}/manifest.json") && r.state()
		if !r.sees(dose.Place(m[2]), level) && status < 300 && !root {
			return "the files of " + m[2]
		}
	}
	return ""
}

// may says whether the reader may pass the door, by docs/ACCESS.md.
func (a address) may(r reader) (may, ruled bool) {
	switch {
	case a.method != "GET" && !strings.HasPrefix(a.template, "/api/"):
		return false, false // a form without its fields
	case strings.HasSuffix(a.path, "/overview/weeks.csv"), strings.HasSuffix(a.path, "/overview/changes.csv"):
		return r.state(), true
	case a.policy == "open", a.policy == "user", a.policy == "list releases, deidentified":
		return true, true
	case a.place != "" && strings.HasPrefix(a.policy, "read place files, "):
		level, err := dose.ParseLevel(strings.TrimPrefix(a.policy, "read place files, "))
		return r.sees(a.place, level), err == nil
	case a.place != "" && a.policy == "read audit, deidentified":
		stateOnly := a.place == dose.OutOfState || a.place == dose.UnknownCounty
		scope := reader{role: access.Steward, level: dose.Identified, place: r.place}
		return (r.role == access.Steward || r.role == access.Auditor) && scope.sees(a.place, dose.Deidentified) && !(stateOnly && r.place != ""), true
	case strings.HasPrefix(a.policy, "read state files") && (strings.HasSuffix(a.template, "{file}") || !strings.HasPrefix(a.template, "/api/")):
		level := dose.Deidentified
		if strings.Contains(a.path, "/reject.") {
			level = dose.Identified
		}
		return r.state() && r.level >= level, true
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
