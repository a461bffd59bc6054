package serve

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// views are the pages for people, and the figures that were counted for them.
type views struct {
	parsed func() (*dashboards.Pages, error)
	mu     sync.Mutex
	kept   map[string]any // by release and place: a release never changes
	order  []string
}

func newViews() *views {
	return &views{parsed: sync.OnceValues(dashboards.New), kept: map[string]any{}}
}

// keepMost bounds the figures that are kept: all places of a few releases.
const keepMost = 400

// once counts what key names, and keeps it.
func once[T any](v *views, key string, count func() (T, error)) (T, error) {
	v.mu.Lock()
	old, ok := v.kept[key].(T)
	v.mu.Unlock()
	if ok {
		return old, nil
	}
	is, err := guarded(count)
	if err != nil {
		return is, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.kept[key]; !ok {
		if v.order = append(v.order, key); len(v.order) > keepMost {
			delete(v.kept, v.order[0])
			v.order = v.order[1:]
		}
	}
	v.kept[key] = is
	return is, nil
}

// guarded makes a fault of a panic: the reader of Parquet panics on some
// damaged files. The log gets the stack, which names functions only.
func guarded[T any](count func() (T, error)) (is T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault{fmt.Errorf("panic of type %T while counting\n%s", v, debug.Stack())}
		}
	}()
	return count()
}

// pageRoutes are the pages, those with a sign-in and those without.
func (s *server) pageRoutes(mux *http.ServeMux) {
	all := map[string]http.Handler{}
	for pattern, h := range s.signedPages() {
		all[pattern] = s.orSignIn(s.signedIn(s.forPeople(s.under(pagePolicies[pattern], h))))
	}
	for pattern, h := range s.publicPages() {
		all[pattern] = open(s.inLanguage(h))
	}
	for pattern, h := range all {
		mux.Handle(pattern, h)
	}
}

// signedPages are the pages and forms for people who signed in.
func (s *server) signedPages() map[string]signedHandler {
	return map[string]signedHandler{
		"GET /overview":                                  s.overviewPage,
		"GET /counties/{fips}":                           s.toCounty,
		"GET /quality":                                   s.qualityPage,
		"GET /access":                                    s.accessPage,
		"POST /access/requests":                          s.askAccess,
		"POST /access/decisions":                         s.decideAccess,
		"POST /access/tokens":                            s.makeToken,
		"POST /access/revocations":                       s.revokeToken,
		"GET /releases":                                  s.releasesPage,
		"GET /releases/{release}":                        s.releasePage,
		"POST /releases/{release}/decision":              s.decideRelease,
		"GET /releases/{release}/quality":                s.qualityPage,
		"GET /releases/{release}/counties/{fips}":        s.countyPage,
		"GET /releases/{release}/counties/{fips}/rows":   s.rowsPage,
		"GET /releases/{release}/counties/{fips}/{file}": s.countyCSV,
		"GET /releases/{release}/overview":               s.overviewPage,
		"GET /releases/{release}/overview/{file}":        s.overviewCSV,
		"GET /releases/{release}/quality/{file}":         s.qualityCSV,
	}
}

// orSignIn sends a browser that nobody is signed in with to sign in, where
// people do, and back.
func (s *server) orSignIn(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.signer != nil && len(r.Header.Values("Authorization")) == 0 && strings.Contains(r.Header.Get("Accept"), "text/html") {
			if _, err := s.principal(r); errors.Is(err, dose.ErrUnknownUser) {
				s.stranger(r, err)
				http.Redirect(w, r, signInPath+"?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// forPeople answers an error with a page.
func (s *server) forPeople(h signedHandler) signedHandler {
	return func(w http.ResponseWriter, r *http.Request, p access.Principal) error {
		err := h(w, r, p)
		rec, ok := w.(*recorder)
		if err == nil || ok && rec.status != 0 || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			return err
		}
		if ok {
			rec.err = err
		}
		is := newProblem(err)
		var b bytes.Buffer
		pages, none := s.views.parsed()
		if none == nil {
			none = pages.Write(&b, "problem", dashboards.Page{Title: is.Title, User: p.User, Session: p.Session != 0, State: s.may(p, stateCounts), Body: dashboards.Problem{Status: is.Status, Says: is.Detail, Back: backFrom(r)}})
		}
		if none != nil {
			return err
		}
		if is.Status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "5")
		}
		s.pageHead(w, pages)
		w.WriteHeader(is.Status)
		_, _ = w.Write(b.Bytes()) // the client may have gone
		return nil
	}
}

func (s *server) pageHead(w http.ResponseWriter, pages *dashboards.Pages) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pages.Policy(s.signer.formTargets()...))
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Referrer-Policy", "same-origin") // without one a browser says of our own forms that they come from nowhere (Fetch, "append a request Origin header")
	h.Set("Vary", "Authorization, Cookie")
}

// showPage notes the entry, waits until it is on the disk, and sends the page.
func (s *server) showPage(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, name string, page dashboards.Page) error {
	pages, err := s.views.parsed()
	if err != nil {
		return err
	}
	page.User, page.Session, page.State = p.User, p.Session != 0, s.may(p, stateCounts)
	var b bytes.Buffer
	if err := pages.Write(&b, name, page); err != nil {
		return err
	}
	if err := s.note(r, p, e); err != nil {
		return err
	}
	s.pageHead(w, pages)
	if name == "access" { // it may show a token
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client may have gone
	}
	return nil
}

// asked is the release that a page is asked of: by its id, or the newest
// approved one. One that the reader may not see yet is refused.
func (s *server) asked(r *http.Request, p access.Principal) (*release.Manifest, error) {
	id, err := s.concrete(r.PathValue("release"))
	if err != nil {
		return nil, err
	}
	if _, err := s.decide(r, p, access.List, access.Resource{Kind: access.Releases}, access.Entry{Action: "page", Release: id}); err != nil {
		return nil, err
	}
	m, err := s.Releases.Manifest(id)
	if err != nil {
		return nil, err
	}
	return m, s.released(p, m.ID)
}

// before is the newest approved release of an older ledger position, or nil.
func (s *server) before(m *release.Manifest) (*release.Manifest, error) {
	return s.older(m, func(string) bool { return true })
}

// weekBefore is the newest of them that was judged at least seven days before
// m was, or nil; and the day of that.
func (s *server) weekBefore(m *release.Manifest) (old *release.Manifest, day string, err error) {
	g, err := s.Releases.Gate(m.ID)
	if err != nil {
		return nil, "", nil // from before there were gates: nobody knows its day
	}
	old, err = s.older(m, func(id string) bool {
		was, err := s.Releases.Gate(id)
		if err != nil || was.BuiltAt.After(g.BuiltAt.AddDate(0, 0, -7)) {
			return false
		}
		day = was.BuiltAt.UTC().Format(time.DateOnly)
		return true
	})
	return old, day, err
}

// older is the newest approved release of an older ledger position that fits.
func (s *server) older(m *release.Manifest, fits func(id string) bool) (*release.Manifest, error) {
	ids, err := s.Releases.List()
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Backward(ids) {
		if id == m.ID || !fits(id) {
			continue
		}
		old, err := s.Releases.Manifest(id)
		if errors.Is(err, dose.ErrNotFound) || errors.Is(err, dose.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if old.LedgerSeq < m.LedgerSeq && old.Status == release.Ready {
			return old, nil
		}
	}
	return nil, nil
}

// may says whether p may read what res names, without a note: for what a page
// shows besides.
func (s *server) may(p access.Principal, res access.Resource) bool {
	_, err := access.Decide(p, access.Read, res, s.Now())
	return err == nil
}

// counts is the level of a place's own counts: its rows, which it may read,
// are no less.
const counts = dose.Limited

func countyAddress(id string, place dose.Place) string {
	return "/releases/" + id + "/counties/" + string(place)
}

// rowsAddress is the page of the rows that q asks for.
func rowsAddress(q release.Question) string {
	v := url.Values{}
	set := func(name string, values ...string) {
		for _, value := range values {
			if value != "" {
				v.Add(name, value)
			}
		}
	}
	set("table", q.Table)
	set("from", q.From)
	set("to", q.To)
	set("age", q.AgeGroups...)
	set("race", q.RaceEth...)
	for _, n := range q.CVX {
		set("cvx", strconv.Itoa(n))
	}
	for _, n := range q.HPI {
		set("hpi", strconv.Itoa(n))
	}
	if q.Residents {
		set("residents", "1")
	}
	return countyAddress(q.Release, q.Place) + "/rows?" + v.Encode()
}
