package serve

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
)

// The public pages: what a publication's files hold, for anybody, in English
// (/public) and Spanish (/publico). They read the published files and nothing
// else, so that they can show no number that is hidden there.

// publicPages are the pages without sign-in.
func (s *server) publicPages() map[string]handler {
	return map[string]handler{
		"GET /public":               s.publicPage,
		"GET /public/{day}":         s.publicPage,
		"GET /public/{day}/{fips}":  s.publicPlacePage,
		"GET /publico":              s.publicPage,
		"GET /publico/{day}":        s.publicPage,
		"GET /publico/{day}/{fips}": s.publicPlacePage,
	}
}

// inLanguage paces who asks by their address, and answers an error with a page.
func (s *server) inLanguage(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := s.pace.take("public from " + remote(r))
		if err == nil {
			err = h(w, r)
		}
		if rec, ok := w.(*recorder); err == nil || ok && rec.status != 0 {
			return err
		}
		if rec, ok := w.(*recorder); ok {
			rec.err = err
		}
		is, says := newProblem(err), "The page can't be made now; try again later."
		switch {
		case is.Status == http.StatusTooManyRequests:
			w.Header().Set("Retry-After", "5")
			says = "Too many requests came from your address; try again in a few seconds."
		case is.Status < 500 && r.PathValue("day") == "":
			says = "No public tables have been published yet."
		case is.Status < 500:
			is.Status, is.Title = http.StatusNotFound, http.StatusText(http.StatusNotFound)
			says = "There is no such page. The newest public tables are at the address above."
		}
		lang := language(r)
		return s.showPublic(w, r, is.Status, "problem", dashboards.Page{Title: dashboards.Said(lang, is.Title), Twin: twin(lang, ""),
			Body: dashboards.Problem{Status: is.Status, Says: dashboards.Said(lang, says)}})
	}
}

// language is that of the address, of ?lang=, or what the browser prefers of
// the two.
func language(r *http.Request) string {
	switch lang := r.URL.Query().Get("lang"); {
	case lang == dashboards.English, lang == dashboards.Spanish:
		return lang
	case r.URL.Path == "/publico" || strings.HasPrefix(r.URL.Path, "/publico/"):
		return dashboards.Spanish
	}
	return preferred(r.Header.Get("Accept-Language"))
}

// preferred reads Accept-Language (RFC 9110 §12.5.4): Spanish where it is asked
// for more than English.
func preferred(accept string) string {
	weight := map[string]float64{}
	for part := range strings.SplitSeq(accept, ",") {
		tag, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.ReplaceAll(rest, " ", ""), "q="); ok {
			if q, _ = strconv.ParseFloat(text, 64); q > 1 {
				q = 0
			}
		}
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		weight[tag] = max(weight[tag], q)
	}
	if weight[dashboards.Spanish] > weight[dashboards.English] {
		return dashboards.Spanish
	}
	return dashboards.English
}

// twin is the same page in the other language; rest is what of its address is
// ours, never what somebody typed.
func twin(lang, rest string) string {
	if lang == dashboards.Spanish {
		return "/public" + rest + "?lang=en"
	}
	return "/publico" + rest
}

// publicPage shows one publication, or the newest.
func (s *server) publicPage(w http.ResponseWriter, r *http.Request) error {
	p, err := s.published(r.PathValue("day"))
	if err != nil {
		return err
	}
	lang, body := language(r), *p.page
	latest, err := s.Public.Latest()
	if err != nil {
		return err
	}
	body.Latest = latest == body.Day
	if body.Days, err = s.Public.List(); err != nil {
		return err
	}
	slices.Reverse(body.Days)
	rest := ""
	if r.PathValue("day") != "" {
		rest = "/" + body.Day
	}
	return s.showPublic(w, r, http.StatusOK, "public", dashboards.Page{Twin: twin(lang, rest),
		Title: dashboards.Said(lang, "COVID-19 vaccination in California"), At: "Public tables", Body: body.For(lang),
		Lead: fmt.Sprintf(dashboards.Said(lang, "Doses given and people vaccinated, through %s. Each number is free to use, and stays at this address."), body.Day)})
}

// publicPlacePage shows a county of one publication.
func (s *server) publicPlacePage(w http.ResponseWriter, r *http.Request) error {
	place, err := dose.ParsePlace(r.PathValue("fips"))
	if err != nil {
		return err
	}
	p, err := s.published(r.PathValue("day"))
	if err != nil {
		return err
	}
	body, ok := p.places[place]
	if !ok {
		return fmt.Errorf("the publication has no %s: %w", place, dose.ErrNotFound)
	}
	lang := language(r)
	name := dashboards.Said(lang, body.Name)
	return s.showPublic(w, r, http.StatusOK, "public_place", dashboards.Page{Twin: twin(lang, "/"+body.Day+"/"+string(place)),
		Title: fmt.Sprintf(dashboards.Said(lang, "COVID-19 vaccination: %s"), name), At: "Public tables", Body: body.For(lang),
		Lead: fmt.Sprintf(dashboards.Said(lang, "Residents' doses and vaccinated people, through %s. Each number is free to use, and stays at this address."), body.Day)})
}

// showPublic sends a page to anybody. What is public is not noted.
func (s *server) showPublic(w http.ResponseWriter, r *http.Request, status int, name string, page dashboards.Page) error {
	pages, err := s.views.parsed()
	if err != nil {
		return err
	}
	lang := language(r)
	page.Open, page.Lang = true, lang
	var b bytes.Buffer
	if err := pages.Write(&b, name, page); err != nil {
		return err
	}
	s.pageHead(w, pages)
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Vary", "Accept-Language")
	h.Set("Content-Language", lang)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the client may have gone
	}
	return nil
}

// publicView is what the public pages of one day show.
type publicView struct {
	page   *dashboards.Public
	places map[dose.Place]*dashboards.PublicCounty
}

// published reads a publication, once; the newest without a day.
func (s *server) published(day string) (*publicView, error) {
	if day == "" || day == "latest" {
		latest, err := s.Public.Latest()
		if err != nil {
			return nil, err
		}
		day = latest
	}
	m, err := s.Public.Manifest(day)
	if err != nil {
		return nil, err
	}
	return once(s.views, "public "+m.ID, func() (*publicView, error) {
		read := &publicReader{dir: s.Public.Dir, day: m.ID}
		v, err := read.view()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("publication of %s", m.ID), err)
		}
		for _, f := range m.Files {
			v.page.Files = append(v.page.Files, dashboards.File{Table: f.Path, Path: path.Join(publicBase, m.ID, f.Path), Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256})
		}
		for _, t := range m.Tables {
			v.page.Hidden = append(v.page.Hidden, dashboards.PublicTable{Name: t.Name, Held: t.Held, Rows: int64(t.Rows), Counts: int64(t.Counts),
				Small: int64(t.Why["primary"]), More: int64(t.Why["complementary"]), In: int64(t.Why["additional"])})
		}
		for _, c := range v.places {
			c.Files = v.page.Files
		}
		return v, nil
	})
}
