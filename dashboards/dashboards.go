// Package dashboards makes the pages for people: HTML and SVG from the figures
// it is given.
//
// It promises that every number stands in the HTML, without a script and
// without a request to anywhere, and that a page is the same for the same
// figures. It never reads a release, never decides who may see what, and never
// counts.
package dashboards

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page/*.html style.css map/counties.tsv
var files embed.FS

// Pages are the parsed templates.
type Pages struct {
	byName map[string]*template.Template
	style  template.CSS
	policy string
}

// names are the pages there are.
var names = []string{"county", "rows", "overview", "releases", "release", "quality", "access", "problem", "public", "public_place"}

// spoken are the pages that are in both languages.
var spoken = []string{"problem", "public", "public_place"}

// New parses the pages.
func New() (*Pages, error) {
	css, err := files.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	shapes, err := readMap()
	if err != nil {
		return nil, err
	}
	p := &Pages{byName: map[string]*template.Template{}, style: template.CSS(css)}
	if err := errors.Join(p.parse(shapes, English, names), p.parse(shapes, Spanish, spoken)); err != nil {
		return nil, fmt.Errorf("dashboards: %w", err)
	}
	sum := sha256.Sum256(css)
	p.policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return p, nil
}

// parse parses the pages in one language.
func (p *Pages) parse(shapes []shape, lang string, names []string) error {
	layout, err := template.New("layout.html").Funcs(functions(shapes, lang)).ParseFS(files, "page/layout.html")
	if err != nil {
		return err
	}
	for _, name := range names {
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(files, "page/"+name+".html")
		}
		if err != nil {
			return err
		}
		p.byName[name+"."+lang] = t
	}
	return nil
}

// Policy is the content security policy that the pages need: their own style
// and nothing else. targets are other origins that a form may lead on to, as
// sign-out does to the issuer: browsers hold form-action against redirects too.
func (p *Pages) Policy(targets ...string) string {
	return strings.Replace(p.policy, "form-action 'self'", strings.Join(append([]string{"form-action 'self'"}, targets...), " "), 1)
}

// Write writes the page whole, or nothing and an error.
func (p *Pages) Write(w io.Writer, name string, page Page) error {
	t, ok := p.byName[name+"."+cmp.Or(page.Lang, English)]
	if !ok {
		return fmt.Errorf("dashboards: there is no page %s", name)
	}
	page.Style = p.style
	var b bytes.Buffer
	if err := t.Execute(&b, page); err != nil {
		return fmt.Errorf("dashboards: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// shape is one county on the map.
type shape struct{ FIPS, Path string }

func readMap() (out []shape, err error) {
	text, err := files.ReadFile("map/counties.tsv")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		fips, path, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if ok && !strings.HasPrefix(fips, "#") {
			out = append(out, shape{fips, path})
		}
	}
	return out, nil
}
