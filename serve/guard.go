package serve

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

type (
	handler       func(w http.ResponseWriter, r *http.Request) error
	signedHandler func(w http.ResponseWriter, r *http.Request, p access.Principal) error
)

// open is a route that anybody may ask.
func open(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			fail(w, r, err)
		}
	})
}

// signedIn is a route for users. It loads the grants anew for each request.
func (s *server) signedIn(h signedHandler) http.Handler {
	return open(func(w http.ResponseWriter, r *http.Request) error {
		p, err := s.principal(r)
		if errors.Is(err, dose.ErrUnknownUser) {
			if tooMuch := s.pace.take("from " + remote(r)); tooMuch != nil {
				return tooMuch
			}
			s.stranger(r, err)
		}
		if err != nil {
			return err
		}
		if rec, ok := w.(*recorder); ok {
			rec.user = p.User
			defer func() { s.pace.sent(p.User, rec.bytes) }()
		}
		if err := s.pace.take(p.User); err != nil {
			return err
		}
		r, v := begin(r)
		defer s.ended(w, r, v)
		if r.PathValue("id") == "latest" {
			return s.latest(w, r, p)
		}
		return h(w, r, p)
	})
}

// stranger notes a caller who was refused with a token or a session's cookie.
// Who sends neither only has to sign in. The refusal stands whether or not it
// can be noted.
func (s *server) stranger(r *http.Request, err error) {
	why := "the token is not known"
	if len(r.Header.Values("Authorization")) == 0 {
		if s.signer == nil || s.signer.cookie(r, sessionCookie) == "" {
			return
		}
		why = "the session is not known or has ended"
	}
	if err := s.Access.NoteStranger(r.Context(), remote(r), "authenticate", why, err); err != nil {
		s.Log.Error("a refusal could not be noted", "err", err.Error())
	}
}

// bearer returns the token of the one Authorization header, or nothing.
func bearer(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// fail renders err, or cuts the connection when the answer has begun: a
// short file must not look whole.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	rec, ok := w.(*recorder)
	if ok {
		rec.err = err
		if rec.status != 0 {
			panic(http.ErrAbortHandler)
		}
	}
	render(w, r, err)
}

// guard is around all routes: safe headers, the access log, panics, clean
// paths, and problems for what has no route.
func (s *server) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Now()
		s.behind(r)
		s.metrics.begin()
		rec := &recorder{ResponseWriter: w, clients: s.Clients}
		defer func() {
			v := recover()
			if v != nil && v != http.ErrAbortHandler {
				// The stack names functions; the value could name a person.
				s.Log.Error("panic", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
				if rec.status == 0 {
					render(rec, r, fmt.Errorf("panic of type %T", v))
					v = nil
				} else {
					v = http.ErrAbortHandler
				}
			}
			took := s.Now().Sub(began)
			s.metrics.end(r.Pattern, rec.status, rec.bytes, took)
			s.log(rec, r, took.Milliseconds(), v != nil)
			if v != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		harden(rec.Header())
		if r.TLS != nil || s.signer != nil && s.signer.secure() {
			rec.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		if p := r.URL.Path; p == "" || path.Clean(p) != p {
			fail(rec, r, fmt.Errorf("the address is not in its plain form: no '//', no '.' or '..', no '/' at the end: %w", dose.ErrInvalid))
			return
		}
		h, pattern := mux.Handler(r)
		if pattern == "" {
			probe := &probe{header: make(http.Header)}
			h.ServeHTTP(probe, r)
			fail(rec, r, statusError{status: probe.status, allow: probe.header.Get("Allow")})
			return
		}
		mux.ServeHTTP(rec, r)
	})
}

func (s *server) log(rec *recorder, r *http.Request, ms int64, cut bool) {
	level, attrs := slog.LevelInfo, []any{"method", r.Method, "route", r.Pattern, "status", rec.status, "bytes", rec.bytes, "ms", ms, "user", rec.user}
	if cut {
		attrs = append(attrs, "cut", true)
	}
	if rec.err != nil && (newProblem(rec.err).Status >= 500 || errors.As(rec.err, new(fault))) && !gone(rec.err) {
		level, attrs = slog.LevelError, append(attrs, "err", rec.err.Error())
	}
	s.Log.Log(r.Context(), level, "request", attrs...)
}

func harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	// Not no-referrer: with that a browser says Origin: null of our own forms
	// (Fetch, "append a request Origin header"), and sameSite refuses them.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("X-Permitted-Cross-Domain-Policies", "none")
	h.Set("Cache-Control", "no-store")
}

// recorder notes what was answered. It passes ReadFrom on, so that a file
// goes from disk to socket without a copy.
type recorder struct {
	http.ResponseWriter
	status  int
	bytes   int64
	user    string
	err     error
	clients Clients
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

func (w *recorder) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes += n
	return n, err
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// probe takes the status that the mux would answer for no route.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(status int)      { p.status = status }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// limiter bounds how many downloads one user has at once.
type limiter struct {
	most int
	mu   sync.Mutex
	now  map[string]int
}

// enter takes a place, and returns how to give it back.
func (l *limiter) enter(user string) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now[user] >= l.most {
		return nil, fmt.Errorf("you have %d downloads running; wait for one to end: %w", l.most, dose.ErrTooMuch)
	}
	l.now[user]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.now[user]--; l.now[user] == 0 {
			delete(l.now, user)
		}
	}, nil
}

// remote is the address of the client, without its port: the peer's, unless
// that is a trusted proxy.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
