package serve

import (
	_ "embed"
	"net/http"

	"github.com/dosebook/dosebook/access"
)

//go:embed home.html
var homePage []byte

// home says what this is and lists the addresses. It names no release and no
// user.
func (s *server) home(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'") // its empty icon is a data address
	return page(w, r, "text/html; charset=utf-8", homePage)
}

// healthz says that the process answers.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) error {
	return page(w, r, "text/plain; charset=utf-8", []byte("ok\n"))
}

// readyz says that there is a release to read and that the control database
// answers.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) error {
	if err := s.ready(r); err != nil {
		s.Log.Warn("not ready", "err", err.Error())
		w.Header().Set("Retry-After", "30")
		return statusError{status: http.StatusServiceUnavailable}
	}
	return page(w, r, "text/plain; charset=utf-8", []byte("ready\n"))
}

func (s *server) ready(r *http.Request) error {
	if err := s.Access.Ping(r.Context()); err != nil {
		return err
	}
	id, err := s.Releases.Latest()
	if err != nil {
		return err
	}
	_, err = s.Releases.Manifest(id)
	return err
}

// columns sends the data dictionary to whoever has a token: it holds no
// record, so no grant is asked for.
func (s *server) columns(w http.ResponseWriter, r *http.Request, _ access.Principal) error {
	return page(w, r, "text/markdown; charset=utf-8", s.dictionary)
}

func page(w http.ResponseWriter, r *http.Request, mediaType string, text []byte) error {
	w.Header().Set("Content-Type", mediaType)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // the client may have gone
	}
	return nil
}
