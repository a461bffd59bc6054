package bulktest

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// longestAssertion is what the SMART guide allows (Backend Services,
// Authentication JWT Claims), with a little for clocks that differ.
const longestAssertion = 5*time.Minute + 10*time.Second

// token checks an assertion and gives a token (SMART App Launch 2.2, Backend
// Services, Obtaining an Access Token).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.note(r, Token, nil)
	faults := s.strikes(Token)
	if s.common(w, r, faults) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if code := s.refuses(r); code != "" {
		reply(w, http.StatusBadRequest, map[string]string{"error": code})
		return
	}
	if _, ok := faults[NoToken]; ok {
		reply(w, http.StatusOK, map[string]string{})
		return
	}
	token, until := rand.Text(), s.config.Now().Add(s.config.TokenLife)
	if _, ok := faults[EarlyToken]; ok {
		until = s.config.Now()
	}
	s.mu.Lock()
	s.tokens[token] = until
	s.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	reply(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": int(s.config.TokenLife.Seconds()), "scope": r.PostForm.Get("scope")})
}

// refuses returns the code of RFC 6749 that stands against the request.
func (s *Server) refuses(r *http.Request) string {
	if r.ParseForm() != nil || r.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "invalid_request"
	}
	if r.PostForm.Get("grant_type") != "client_credentials" {
		return "unsupported_grant_type"
	}
	if !s.asserts(r.PostForm.Get("client_assertion"), s.base(r)+"/token") {
		return "invalid_client"
	}
	for _, scope := range strings.Fields(r.PostForm.Get("scope")) {
		if !strings.HasPrefix(scope, "system/") {
			return "invalid_scope"
		}
	}
	if r.PostForm.Get("scope") == "" {
		return "invalid_scope"
	}
	return ""
}

// asserts checks signature, names, audience, life and single use.
func (s *Server) asserts(assertion, audience string) bool {
	t, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.RS384, jose.ES384})
	if err != nil || len(t.Headers) != 1 || t.Headers[0].KeyID == "" || t.Headers[0].ExtraHeaders["typ"] != "JWT" {
		return false
	}
	var claimed jwt.Claims
	if t.UnsafeClaimsWithoutVerification(&claimed) != nil {
		return false
	}
	keys, known := s.config.Clients[claimed.Issuer]
	if !known {
		return false
	}
	for _, k := range keys.Key(t.Headers[0].KeyID) {
		var c jwt.Claims
		if t.Claims(k.Key, &c) == nil {
			return s.valid(c, audience)
		}
	}
	return false
}

func (s *Server) valid(c jwt.Claims, audience string) bool {
	now := s.config.Now()
	if c.Issuer == "" || c.Issuer != c.Subject || !slices.Contains(c.Audience, audience) || c.ID == "" || c.Expiry == nil {
		return false
	}
	until := c.Expiry.Time()
	if !now.Before(until) || until.Sub(now) > longestAssertion {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, end := range s.used {
		if end.Before(now) {
			delete(s.used, id)
		}
	}
	if _, again := s.used[c.Issuer+" "+c.ID]; again {
		return false
	}
	s.used[c.Issuer+" "+c.ID] = until
	return true
}

// knows says whether the request carries a token that lives.
func (s *Server) knows(r *http.Request) bool {
	if len(s.config.Clients) == 0 {
		return true
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	until, given := s.tokens[token]
	return ok && given && s.config.Now().Before(until)
}
