package serve

import "net/http"

// routes lists every route. All under /api/ need a token or a session; the id
// "latest" stands for the newest approved release and is answered with 303.
// GET covers HEAD.
func (s *server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", open(s.home))
	mux.Handle("GET /healthz", open(s.healthz))
	mux.Handle("GET /readyz", open(s.readyz))
	mux.Handle("GET /metrics", open(s.showMetrics))
	mux.Handle("GET "+signInPath, open(s.beginSignIn))
	mux.Handle("GET "+callback, open(s.endSignIn))
	mux.Handle("GET "+firstPath+"{secret}", open(s.firstLink))
	mux.Handle("POST /signout", s.signedIn(s.signOut))
	mux.Handle("GET /api/v1/session", s.signedIn(s.showSession))
	mux.Handle("GET /api/v1/dictionary", s.signedIn(s.columns))
	mux.Handle("GET /api/v1/releases", s.signedIn(s.listReleases))
	mux.Handle("GET /api/v1/releases/{id}", s.signedIn(s.showRelease))
	mux.Handle("GET /api/v1/keys", open(s.keys))
	mux.Handle("GET /api/v1/audit/{fips}", s.signedIn(s.whoSaw))
	for name := range proofs {
		mux.Handle("GET /api/v1/releases/{id}/"+name, s.signedIn(s.proof))
		mux.Handle("GET /api/v1/releases/{id}/counties/{fips}/"+name, s.signedIn(s.placeProof))
	}
	mux.Handle("GET /api/v1/releases/{id}/{file}", s.signedIn(s.stateFile))
	mux.Handle("GET /api/v1/releases/{id}/deidentified/{file}", s.signedIn(s.deidentifiedFile))
	mux.Handle("GET /api/v1/releases/{id}/counties/{fips}/{file}", s.signedIn(s.placeFile))
	mux.Handle("GET /api/v1/releases/{id}/counties/{fips}/limited/{file}", s.signedIn(s.limitedFile))
	mux.Handle("POST "+extracts, s.signedIn(s.askExtract))
	mux.Handle("GET "+extracts+"/{key}", s.signedIn(s.showExtract))
	mux.Handle("GET "+extracts+"/{key}/{file}", s.signedIn(s.extractFile))
	for _, format := range changeFormats {
		mux.Handle("GET /api/v1/releases/{id}/counties/{fips}/changes."+format, s.signedIn(s.changes))
	}
	s.pageRoutes(mux)
	return mux
}
