package bulktest

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Config says what the server has and how it behaves.
type Config struct {
	Base  string // address under which clients reach the handler; default http://HOST of the request
	Store *Store
	// Clients are the public keys of each client id. Without any, the server
	// asks nobody who they are.
	Clients map[string]jose.JSONWebKeySet
	Now     func() time.Time

	Polls      int           // how often a status is "in progress"; with partial manifests, before each page
	RetryAfter string        // of a status in progress
	FileLines  int           // lines a file; default 1000
	PageFiles  int           // files a page, for clients that allow partial manifests; 0: one page
	Gzip       bool          // files go packed to clients that accept it
	NoRange    bool          // files can't be asked for in parts
	OpenFiles  bool          // files are given without a token
	NoCount    bool          // the manifest has no counts
	NoDeleted  bool          // deletions are not told
	TokenLife  time.Duration // default 5m
	ExportLife time.Duration // default 24h

	RedirectTo string // origin for Redirect and ForeignFile
	Faults     []Fault
}

// Server is the handler. It may be asked from many goroutines.
type Server struct {
	config Config
	mux    *http.ServeMux

	mu      sync.Mutex
	met     []int // requests that came to each fault's place
	tokens  map[string]time.Time
	used    map[string]time.Time // jti
	exports map[string]*job
	count   int
	asked   []Asked
}

// Asked is one request as it came: what a test asserts on.
type Asked struct {
	Place  Place
	Method string
	Params map[string][]string // of a kick-off, from query or body
	Bearer bool
	Range  string
}

// New returns a server.
func New(c Config) *Server {
	if c.Store == nil {
		c.Store = &Store{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.FileLines, c.TokenLife, c.ExportLife = byDefault(c.FileLines, 1000), byDefault(c.TokenLife, 5*time.Minute), byDefault(c.ExportLife, 24*time.Hour)
	s := &Server{config: c, mux: http.NewServeMux(), met: make([]int, len(c.Faults)), tokens: map[string]time.Time{}, used: map[string]time.Time{}, exports: map[string]*job{}}
	s.mux.HandleFunc("GET /fhir/.well-known/smart-configuration", s.discovery)
	s.mux.HandleFunc("POST /token", s.token)
	for _, level := range []string{"/fhir/", "/fhir/Patient/", "/fhir/Group/{id}/"} {
		s.mux.HandleFunc("GET "+level+"$export", s.kickoff)
		s.mux.HandleFunc("POST "+level+"$export", s.kickoff)
	}
	s.mux.HandleFunc("GET /status/{job}", s.status)
	s.mux.HandleFunc("GET /status/{job}/{page}", s.status)
	s.mux.HandleFunc("DELETE /status/{job}", s.remove)
	s.mux.HandleFunc("GET /file/{job}/{file}", s.file)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Asked lists the requests so far.
func (s *Server) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Asked(nil), s.asked...)
}

// Exports says how many exports the server keeps.
func (s *Server) Exports() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.exports)
}

func (s *Server) note(r *http.Request, p Place, params map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, Asked{p, r.Method, params, r.Header.Get("Authorization") != "", r.Header.Get("Range")})
}

func (s *Server) base(r *http.Request) string {
	return strings.TrimRight(byDefault(s.config.Base, "http://"+r.Host), "/")
}

func (s *Server) discovery(w http.ResponseWriter, r *http.Request) {
	s.note(r, Discovery, nil)
	if s.common(w, r, s.strikes(Discovery)) {
		return
	}
	reply(w, http.StatusOK, map[string]any{"token_endpoint": s.base(r) + "/token", "token_endpoint_auth_methods_supported": []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS384", "ES384"}, "grant_types_supported": []string{"client_credentials"}})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error here is the client's going away
}
