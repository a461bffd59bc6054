package serve

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

const (
	oneRelease = base + "/{id}"
	onePlace   = oneRelease + "/counties/{fips}"
)

// routes lists every route. GET covers HEAD; the id "latest" stands for the
// newest approved release and is answered with 303.
func (s *server) routes() []route {
	return slices.Concat(s.openRoutes(), s.signInRoutes(), s.releaseRoutes(), s.placeRoutes(), s.extractRoutes(), s.publicRoutes(), s.pagesAsRoutes())
}

// mux serves the routes that have a policy.
func mux(routes []route) *http.ServeMux {
	m := http.NewServeMux()
	for _, r := range routes {
		if r.policy.who != "" {
			m.Handle(r.method+" "+r.path, r.handle)
		}
	}
	return m
}

func get(path, summary string, p policy, h http.Handler, answers ...answer) route {
	return route{method: "GET", path: path, summary: summary, policy: p, handle: h, answers: answers}
}

func (r route) with(params ...*huma.Param) route {
	r.takes = params
	return r
}

const (
	plain    = "text/plain; charset=utf-8"
	html     = "text/html; charset=utf-8"
	jsonType = "application/json"
)

func (s *server) openRoutes() []route {
	return []route{
		get("/{$}", "What this is", anyone, open(s.home), answer{200, html, nil, "A page"}),
		get("/healthz", "The process answers", anyone, open(s.healthz), answer{200, plain, nil, "ok"}),
		get("/readyz", "There is a release to read", anyone, open(s.readyz),
			append(refusals(503), answer{200, plain, nil, "ready"})...),
		get("/metrics", "Requests by route and status", anyone, open(s.showMetrics), answer{200, "text/plain; version=0.0.4; charset=utf-8", nil, "Prometheus text"}),
		get("/api/v1/openapi.json", "This document", anyone, open(s.showOpenAPI), answer{200, jsonType, map[string]any{}, "OpenAPI 3.1"}),
		get("/api/v1/keys", "The public keys that releases are signed with", anyone, open(s.keys), answer{200, jsonType, keyList{}, "Newest last"}),
		get("/api/v1/dictionary", "The data dictionary", known, s.signedIn(s.columns), answer{200, "text/markdown; charset=utf-8", nil, "Markdown"}),
		get("/api/v1/audit/{fips}", "Who saw a place's people", granted(access.Read, access.AuditLog, dose.Deidentified), s.signedIn(s.whoSaw),
			answer{200, jsonType, readingList{}, "Each file once a day"}).
			with(thePlace, param("query", "since", "First day, YYYY-MM-DD; 30 days ago unless said", &huma.Schema{Type: "string", Format: "date"})),
	}
}

func (s *server) signInRoutes() []route {
	secret := param("path", "secret", "From the link that serve prints", textSchema(secretForm.String()))
	to := param("query", "to", "Where to go then: an address of this server", textSchema(""))
	code, state := param("query", "code", "From the issuer", textSchema("")), param("query", "state", "From the issuer", textSchema(""))
	out := route{method: "POST", path: "/signout", summary: "End the session", policy: known, handle: s.signedIn(s.signOut),
		answers: []answer{{303, "", nil, "To the issuer's own sign-out"}}}
	return []route{
		get(signInPath, "Sign in", anyone, open(s.beginSignIn), append(refusals(404, 502), answer{303, "", nil, "To the issuer"})...).with(to),
		get(callback, "Where the issuer sends the browser back", anyone, open(s.endSignIn), append(refusals(403, 404, 502), answer{303, "", nil, "Signed in"})...).with(code, state),
		get(firstPath+"{secret}", "The first steward's link", anyone, open(s.firstLink), append(refusals(404), answer{303, "", nil, "To sign in"})...).with(secret),
		get("/api/v1/session", "Who I am", known, s.signedIn(s.showSession), answer{200, jsonType, whoami{}, "The user, and the token or session"}),
		out,
	}
}

// releaseRoutes are those of a whole release.
func (s *server) releaseRoutes() []route {
	list, state := granted(access.List, access.Releases, dose.Deidentified), granted(access.Read, access.StateFiles, dose.Deidentified)
	var tables []string
	for name := range stateLevels {
		tables = append(tables, name)
	}
	slices.Sort(tables)
	out := []route{
		get(base, "The releases, newest first, with the files I may read", list, s.signedIn(s.listReleases), answer{200, jsonType, releaseList{}, "Releases"}),
		get(oneRelease, "A release, with the files I may read", list, s.signedIn(s.showRelease),
			append(refusals(409, 410), answer{200, jsonType, releaseInfo{}, "A release"}, answer{303, "", nil, "latest: the newest approved release"})...).with(theRelease),
		get(oneRelease+"/{file}", "A table of the whole state", state, s.signedIn(s.stateFile), fileAnswers(formats()...)...).with(theRelease, theFile(tables)),
		get(oneRelease+"/deidentified/{file}", "De-identified records of the whole state", granted(access.Read, access.PlaceFiles, dose.Deidentified), s.signedIn(s.deidentifiedFile),
			fileAnswers(formats(duckdbType)...)...).with(theRelease, theFile(release.Tables(), database)),
	}
	for _, name := range proofNames() {
		out = append(out, get(oneRelease+"/"+name, "Proof of a release, or of my place in it", state, s.signedIn(s.proof), fileAnswers(proofs[name])...).with(theRelease))
	}
	return out
}

func proofNames() (out []string) {
	for name := range proofs {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// placeRoutes are those of a place's files.
func (s *server) placeRoutes() []route {
	identified, limited := granted(access.Read, access.PlaceFiles, dose.Identified), granted(access.Read, access.PlaceFiles, dose.Limited)
	all := theFile(release.Tables(), database)
	out := []route{
		get(onePlace+"/{file}", "A place's records", identified, s.signedIn(s.placeFile), fileAnswers(formats(duckdbType)...)...).with(theRelease, thePlace, all),
		get(onePlace+"/limited/{file}", "A place's limited data set", limited, s.signedIn(s.limitedFile), fileAnswers(formats(duckdbType)...)...).with(theRelease, thePlace, all),
	}
	for _, name := range proofNames() {
		out = append(out, get(onePlace+"/"+name, "Proof of a place's files", identified, s.signedIn(s.placeProof), fileAnswers(proofs[name])...).with(theRelease, thePlace))
	}
	since := param("query", "since", "The release that I have", textSchema(`^[0-9a-f-]{1,64}$`))
	since.Required = true
	for _, format := range changeFormats {
		out = append(out, get(onePlace+"/changes."+format, "What changed since a release", identified, s.signedIn(s.changes), fileAnswers(mediaTypes[format])...).with(theRelease, thePlace, since))
	}
	return out
}

func (s *server) extractRoutes() []route {
	limited := granted(access.Read, access.PlaceFiles, dose.Limited)
	ask := route{method: "POST", path: extracts, summary: "Ask for some rows and columns of a place's table", policy: limited, body: questionAsked{}, handle: s.signedIn(s.askExtract),
		answers: append(refusals(409, 410), answer{202, jsonType, extractState{}, "Being made; Location tells how far"}, answer{303, "", nil, "Made; Location is the file, for good"})}
	return []route{
		ask,
		get(extracts+"/{key}", "How far an extract is", limited, s.signedIn(s.showExtract), append(refusals(409, 410), answer{200, jsonType, extractState{}, "Its state"})...).with(theKey),
		get(extracts+"/{key}/{file}", "The file of an extract", limited, s.signedIn(s.extractFile), fileAnswers(formats()...)...).with(theKey, theFile(release.Tables())),
	}
}

// pagePolicies are those of the pages for people; a page that has none here is
// not served.
var pagePolicies = map[string]policy{
	"GET /overview":                                  listing,
	"GET /counties/{fips}":                           counting,
	"GET /quality":                                   stating,
	"GET /access":                                    known,
	"GET /releases":                                  listing,
	"GET /releases/{release}":                        listing,
	"GET /releases/{release}/quality":                stating,
	"GET /releases/{release}/overview":               listing,
	"GET /releases/{release}/overview/{file}":        listing,
	"GET /releases/{release}/quality/{file}":         stating,
	"GET /releases/{release}/counties/{fips}":        counting,
	"GET /releases/{release}/counties/{fips}/{file}": counting,
	"GET /releases/{release}/counties/{fips}/rows":   counting,
	"GET /public":                                    anyone,
	"GET /public/{day}":                              anyone,
	"GET /public/{day}/{fips}":                       anyone,
	"GET /publico":                                   anyone,
	"GET /publico/{day}":                             anyone,
	"GET /publico/{day}/{fips}":                      anyone,
	"POST /access/requests":                          known,
	"POST /access/decisions":                         granted(access.Manage, access.Grants, dose.Deidentified),
	"POST /access/tokens":                            known,
	"POST /access/revocations":                       known,
	"POST /releases/{release}/decision":              granted(access.Manage, access.Releases, dose.Deidentified),
}

// listing is for who may list releases and shows counts of the places that
// the reader may see; counting is for who may read a place's own counts;
// stating for who may read the whole state's.
var (
	listing  = granted(access.List, access.Releases, dose.Deidentified)
	counting = granted(access.Read, access.PlaceFiles, counts)
	stating  = granted(access.Read, stateCounts.Kind, stateCounts.Level)
)

// under asks the one decision by the page's policy before the page does
// anything: what the document says of a page is what its door does.
func (s *server) under(pol policy, h signedHandler) signedHandler {
	return func(w http.ResponseWriter, r *http.Request, p access.Principal) error {
		if pol.who != "grant" {
			return h(w, r, p)
		}
		is := access.Resource{Kind: pol.kind, Level: pol.level}
		e := access.Entry{Action: "page", Release: r.PathValue("release"), File: r.PathValue("file")}
		if fips := r.PathValue("fips"); fips != "" {
			var err error
			if is.Place, err = dose.ParsePlace(fips); err != nil {
				return err
			}
			e.Place = string(is.Place)
		}
		if _, err := s.decide(r, p, pol.action, is, e); err != nil {
			return err
		}
		return h(w, r, p)
	}
}

// pagesAsRoutes puts the pages into the table.
func (s *server) pagesAsRoutes() (out []route) {
	pages := http.NewServeMux()
	s.pageRoutes(pages)
	for _, pattern := range slices.Sorted(maps.Keys(pagePolicies)) {
		method, path, _ := strings.Cut(pattern, " ")
		r := get(path, "A page for people", pagePolicies[pattern], pages, append(refusals(409, 410), answer{200, html, nil, "A page"}, answer{303, "", nil, "To the page meant"})...)
		if method == http.MethodPost {
			r.method, r.summary = method, "A form of a page for people"
		}
		if r.policy == anyone {
			r.answers = append(r.answers, answer{404, html, nil, "A page that says so"})
		}
		if strings.Contains(path, "{file}") {
			r.answers = append(r.answers, answer{200, mediaTypes["csv"], nil, "The page's figures"})
		}
		for _, name := range params.FindAllString(path, -1) {
			r.takes = append(r.takes, pageParam(path, strings.Trim(name, "{}")))
		}
		out = append(out, r)
	}
	return out
}

var params = regexp.MustCompile(`\{\w+\}`)

func pageParam(path, name string) *huma.Param {
	switch name {
	case "release":
		return param("path", "release", "A release's id, or latest", theRelease.Schema)
	case "fips":
		return thePlace
	case "day":
		return param("path", "day", "Last day of the public tables, or latest", textSchema("^([0-9]{4}-[0-9]{2}-[0-9]{2}|latest)$"))
	}
	return param("path", name, "The page's figures as CSV", oneOf(figuresOf(path)...))
}

// figuresOf are the tables that a page's figures can be had as.
func figuresOf(path string) (out []string) {
	switch {
	case strings.Contains(path, "/overview/"):
		return overviewTables
	case strings.Contains(path, "/quality/"):
		return qualityTables
	}
	for name := range countyTables {
		out = append(out, name+".csv")
	}
	slices.Sort(out)
	return out
}

var (
	overviewTables = []string{"changes.csv", "counties.csv", "weeks.csv"}
	qualityTables  = []string{"findings.csv", "rejects.csv", "senders.csv"}
)
