package serve

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

const (
	signInPath = "/signin"
	callback   = "/signin/callback"
	firstPath  = "/signin/first/"
)

// FirstLink is the address by which the first steward is made.
func FirstLink(c SignIn, secret string) string { return c.origin() + firstPath + secret }

// cookie names. The prefix binds them to this host, HTTPS and all paths
// (RFC 6265bis §4.1.3.2); on this machine alone there may be no HTTPS.
const (
	sessionCookie = "dosebook"
	flowCookie    = "dosebook-signin"
	firstCookie   = "dosebook-first"
)

func (g *signer) cookieName(name string) string {
	if g.secure() {
		return "__Host-" + name
	}
	return name
}

// keep sets a cookie, or with an empty value takes it away. Lax: it comes
// with a link from elsewhere, and never with a form or a script from there.
func (g *signer) keep(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{Name: g.cookieName(name), Value: value, Path: "/", Secure: g.secure(), HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// cookie returns the one cookie of the name, or nothing.
func (g *signer) cookie(r *http.Request, name string) string {
	if all := r.CookiesNamed(g.cookieName(name)); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// principal is who asks: by the header's token, or else by the session.
func (s *server) principal(r *http.Request) (access.Principal, error) {
	if len(r.Header.Values("Authorization")) > 0 || s.signer == nil {
		return s.Access.Authenticate(r.Context(), bearer(r))
	}
	value := s.signer.cookie(r, sessionCookie)
	if value == "" {
		return access.Principal{}, dose.ErrUnknownUser
	}
	if err := s.signer.sameSite(r); err != nil {
		return access.Principal{}, err
	}
	p, _, err := s.Access.ResumeSession(r.Context(), value)
	return p, err
}

// sameSite refuses what another site's page asks with our cookie: all but
// reading must come from our own pages, and the browser must say so.
func (g *signer) sameSite(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if (site == "same-origin" || site == "") && (origin == g.origin() || origin == "" && site == "same-origin") {
		return nil
	}
	return fmt.Errorf("this did not come from a page of this server; use its own pages, or a token: %w", dose.ErrDenied)
}

var errNoSignIn = fmt.Errorf("people do not sign in here; use a token, or have sign_in configured: %w", dose.ErrNotFound)

// beginSignIn sends the browser to the issuer; ?to= is where to go then.
func (s *server) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	g := s.signer
	if g == nil {
		return errNoSignIn
	}
	if err := s.pace.take("from " + remote(r)); err != nil {
		return err
	}
	_, conf, err := g.issuer(r.Context())
	if err != nil {
		return err
	}
	f := g.newFlow(r.URL.Query().Get("to"))
	g.keep(w, flowCookie, f.cookie, flowLife)
	to := conf.AuthCodeURL(f.state, oauth2.S256ChallengeOption(f.verifier), oauth2.SetAuthURLParam("nonce", f.nonce))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

var secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// firstLink remembers the link's secret, and has the person sign in. Nothing
// is used up by looking at the link, as programs that check mail do.
func (s *server) firstLink(w http.ResponseWriter, r *http.Request) error {
	if s.signer == nil {
		return errNoSignIn
	}
	secret := r.PathValue("secret")
	if !secretForm.MatchString(secret) {
		return statusError{status: http.StatusNotFound}
	}
	s.signer.keep(w, firstCookie, secret, flowLife)
	http.Redirect(w, r, signInPath, http.StatusSeeOther)
	return nil
}

// endSignIn is where the issuer sends the browser back.
func (s *server) endSignIn(w http.ResponseWriter, r *http.Request) error {
	g := s.signer
	if g == nil {
		return errNoSignIn
	}
	if err := s.pace.take("from " + remote(r)); err != nil {
		return err
	}
	g.keep(w, flowCookie, "", 0) // a flow ends once, well or not
	p, f, err := s.returned(r)
	if err != nil {
		return s.signInFailed(r, err)
	}
	value, _, err := s.Access.StartSession(r.Context(), remote(r), p)
	if err != nil {
		return s.signInFailed(r, err)
	}
	if old := g.cookie(r, sessionCookie); old != "" {
		s.endOld(r, old)
	}
	g.keep(w, sessionCookie, value, 0)
	if first := g.cookie(r, firstCookie); first != "" {
		g.keep(w, firstCookie, "", 0)
		if err := s.Access.BecomeFirst(r.Context(), remote(r), p.User, first); err != nil {
			return err
		}
	}
	http.Redirect(w, r, f.to, http.StatusSeeOther)
	return nil
}

// returned checks that this browser began the sign-in, and redeems the code.
func (s *server) returned(r *http.Request) (access.Person, flow, error) {
	g, q := s.signer, r.URL.Query()
	f, ok := g.openFlow(g.cookie(r, flowCookie))
	switch {
	case !ok:
		return access.Person{}, f, errSignIn{"no sign-in under way in this browser"}
	case q.Get("state") != f.state:
		return access.Person{}, f, errSignIn{"the state is another one"}
	case q.Has("iss") && q.Get("iss") != g.Issuer: // RFC 9207
		return access.Person{}, f, errSignIn{"the answer is another issuer's"}
	case q.Get("code") == "":
		return access.Person{}, f, errSignIn{"the issuer sent no code"}
	}
	p, err := g.redeem(r.Context(), q.Get("code"), f)
	return p, f, err
}

// signInFailed tells the log and the audit why; the browser is told what to
// do. What the issuer sent is in neither.
func (s *server) signInFailed(r *http.Request, err error) error {
	why := "the user's name"
	var e errSignIn
	switch {
	case errors.As(err, &e):
		why = e.why
	case !errors.Is(err, dose.ErrDenied):
		return err
	}
	s.Log.Warn("sign-in refused", "why", why)
	if noted := s.Access.NoteStranger(r.Context(), remote(r), "sign in", why, err); noted != nil {
		s.Log.Error("a refusal could not be noted", "err", noted.Error())
	}
	return err
}

// endOld ends the session that the browser had: a sign-in makes a new one
// (ASVS 7.2.4).
func (s *server) endOld(r *http.Request, cookie string) {
	p, _, err := s.Access.ResumeSession(r.Context(), cookie)
	if err == nil {
		err = s.Access.EndSession(r.Context(), remote(r), p)
	}
	if err != nil && !errors.Is(err, dose.ErrUnknownUser) {
		s.Log.Error("an old session could not be ended", "err", err.Error())
	}
}

// signOut ends the session, and sends the browser to the issuer's own
// sign-out where it has one (OpenID Connect RP-Initiated Logout 1.0).
func (s *server) signOut(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	if p.Session == 0 {
		return fmt.Errorf("you came with a token, which has no session to end: %w", dose.ErrInvalid)
	}
	if err := s.Access.EndSession(r.Context(), remote(r), p); err != nil {
		return err
	}
	s.signer.keep(w, sessionCookie, "", 0)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, s.signer.leave(r), http.StatusSeeOther)
	return nil
}

func (g *signer) leave(r *http.Request) string {
	provider, _, err := g.issuer(r.Context())
	u := endOf(provider)
	if err != nil || u == nil {
		return "/"
	}
	q := u.Query()
	q.Set("client_id", g.Client)
	q.Set("post_logout_redirect_uri", g.origin()+"/")
	u.RawQuery = q.Encode()
	return u.String()
}

// endOf is the issuer's own sign-out, or nil.
func endOf(provider *oidc.Provider) *url.URL {
	var known struct {
		End string `json:"end_session_endpoint"`
	}
	if provider == nil || provider.Claims(&known) != nil || known.End == "" {
		return nil
	}
	u, err := url.Parse(known.End)
	if err != nil || u.Host == "" {
		return nil
	}
	return u
}

// formTargets are the origins that the form of sign-out leads on to: that of
// the issuer's sign-out where it is known, else the issuer's own.
func (g *signer) formTargets() []string {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	u := endOf(g.provider)
	g.mu.Unlock()
	if u == nil {
		u, _ = url.Parse(g.Issuer) // checked by Check
	}
	return []string{u.Scheme + "://" + u.Host}
}

// whoami tells who is signed in and until when; pages ask it.
type whoami struct {
	User    string          `json:"user"`
	Token   int64           `json:"token,omitempty" doc:"id of the token that was sent"`
	Session *access.Session `json:"session,omitempty" doc:"of a person who signed in"`
}

func (s *server) showSession(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	out := whoami{User: p.User, Token: p.Token}
	if p.Session != 0 {
		_, is, err := s.Access.ResumeSession(r.Context(), s.signer.cookie(r, sessionCookie))
		if err != nil {
			return err
		}
		out.Session = &is
	}
	return writeJSON(w, r, out)
}
