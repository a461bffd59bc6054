package serve

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

func TestSignIn(t *testing.T) {
	for _, env := range []string{"OIDC_USERINFO=no", "OIDC_USERINFO=yes"} {
		t.Run(env, func(t *testing.T) {
			s := newSite(t, env)
			s.grant("ana@county.example", access.Epi, dose.Identified, "06019")
			s.grant("ana@county.example", access.Auditor, dose.Identified)
			s.signIn.Groups = roles("county-epis", "epi", "stewards", "steward")
			s.restart()
			c := s.browser()
			began := browse(t, c, s.server.URL+signInPath+"?to="+url.QueryEscape(base+"?x=1"))
			u, _ := url.Parse(began.location(t))
			q := u.Query()
			if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || q.Get("nonce") == "" || q.Get("state") == "" || strings.Contains(u.String(), "secret") {
				t.Errorf("asked the issuer for %s", u)
			}
			p := browse(t, c, s.atIssuer(c, u.String(), "ana"))
			if p.StatusCode != 303 || p.Header.Get("Location") != base+"?x=1" {
				t.Fatalf("%d %s %s\n%s", p.StatusCode, p.Header, p.text, s.log)
			}
			var kept *http.Cookie
			for _, ck := range p.Cookies() {
				if ck.Name == "__Host-"+sessionCookie {
					kept = ck
				}
			}
			if kept == nil || !kept.Secure || !kept.HttpOnly || kept.SameSite != http.SameSiteLaxMode || kept.Path != "/" || kept.Domain != "" || kept.MaxAge != 0 {
				t.Errorf("cookie %+v", kept)
			}
			p = browse(t, c, s.server.URL+file("06019", "dose.parquet"))
			if p.StatusCode != 200 || p.text != string(content(id, "06019", "dose")) || !strings.Contains(p.Header.Get("Vary"), "Cookie") {
				t.Errorf("own file: %d %v", p.StatusCode, p.Header)
			}
			for path, want := range map[string]int{file("06037", "dose.parquet"): 403, "/api/v1/audit/06019": 403, "/api/v1/dictionary": 200, base: 200} {
				if got := s.status(c, path); got != want {
					t.Errorf("%s: %d, want %d", path, got, want)
				}
			}
			var me whoami
			p = browse(t, c, s.server.URL+"/api/v1/session")
			if err := json.Unmarshal([]byte(p.text), &me); err != nil || me.User != "ana@county.example" || me.Session == nil || len(me.Session.Roles) != 1 || strings.Contains(p.text, kept.Value) {
				t.Errorf("%s", p.text)
			}
			es, err := s.access.ListAudit(t.Context(), "ana@county.example", 0, 100)
			if err != nil || es[0].Action != "sign in" || es[1].Action != "read" || es[1].Session != me.Session.ID || es[1].Token != 0 {
				t.Errorf("%+v %v", es, err)
			}
			if text := s.log.String(); strings.Contains(text, kept.Value) || strings.Contains(text, "code=") || strings.Contains(text, "state=") {
				t.Error("the log holds a secret of the sign-in")
			}
		})
	}
}

func TestSignInRefused(t *testing.T) {
	s := newSite(t)
	s.grant("ana@county.example", access.Epi, dose.Identified, "06019")
	back := func(c *http.Client, who string) string {
		return s.atIssuer(c, browse(t, c, s.server.URL+signInPath).location(t), who)
	}
	with := func(address, name, value string) string {
		u, _ := url.Parse(address)
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	c := s.browser()
	s.refusedSignIn(c, with(back(c, "ana"), "state", "another"), "state is another")
	c = s.browser()
	s.refusedSignIn(c, with(back(c, "ana"), "code", "invented"), "refused the code")
	c = s.browser()
	s.refusedSignIn(c, with(back(c, "ana"), "iss", "https://evil.example"), "another issuer's")
	c = s.browser()
	s.refusedSignIn(c, with(back(c, "ana"), "code", ""), "sent no code")
	c = s.browser()
	s.refusedSignIn(s.browser(), back(c, "ana"), "no sign-in under way")
	// A code of somebody else's flow, with our state: PKCE.
	c, other := s.browser(), s.browser()
	stolen, _ := url.Parse(back(other, "sam"))
	s.refusedSignIn(c, with(back(c, "ana"), "code", stolen.Query().Get("code")), "refused the code")
	c = s.browser()
	s.refusedSignIn(c, back(c, "fake"), "not verified")
	c = s.browser()
	late := back(c, "ana")
	s.now = s.now.Add(flowLife + time.Second)
	s.refusedSignIn(c, late, "no sign-in under way")
	s.now = time.Now()
	// The whole answer again, with the flow's cookie as it was.
	c = s.browser()
	began := browse(t, c, s.server.URL+signInPath)
	again := s.atIssuer(c, began.location(t), "ana")
	if p := browse(t, c, again); p.StatusCode != 303 {
		t.Fatal(p.StatusCode, p.text)
	}
	c = s.browser()
	here, _ := url.Parse(s.server.URL)
	c.Jar.SetCookies(here, began.Cookies())
	s.refusedSignIn(c, again, "refused the code")
	// The name of a person who signed in before.
	c = s.browser()
	s.refusedSignIn(c, back(c, "thief"), "the user's name")
	s.signIn.Groups = roles("stewards", "steward")
	s.restart()
	c = s.browser()
	s.refusedSignIn(c, back(c, "guest"), "no group")
	es, err := s.access.ListAudit(t.Context(), access.Unknown, 0, 100)
	if err != nil || len(es) < 4 || es[0].Action != "sign in" || es[0].Outcome != "denied" || es[0].Remote != "127.0.0.1" || es[0].Detail != "the state is another one; refused 1 times today" {
		t.Errorf("%+v %v", es, err)
	}
	for _, e := range es {
		if strings.ContainsAny(e.Detail, "@") || strings.Contains(e.Detail, "eyJ") {
			t.Errorf("the audit has what the issuer sent: %+v", e)
		}
	}
}

// A session's cookie that opens nothing is noted as a token is.
func TestForgedSessions(t *testing.T) {
	w := newWorld(t)
	w.cfg.SignIn = &SignIn{Issuer: "http://127.0.0.1:1", Client: "dosebook", URL: "https://doses.example"}
	w.h = New(w.cfg)
	forged := "__Host-dosebook=" + strings.Repeat("A", 43)
	refused(t, w.get(base, "", "Cookie", forged), 401)
	if rec := w.get("/overview", "", "Cookie", forged, "Accept", "text/html"); rec.Code != 303 {
		t.Error(rec.Code)
	}
	refused(t, w.get(base, ""), 401) // only has to sign in
	es, err := w.access.ListAudit(t.Context(), access.Unknown, 0, 100)
	if err != nil || len(es) != 2 || es[1].Detail != "the session is not known or has ended; refused 2 times today" || strings.Contains(es[0].Detail, "AAA") {
		t.Errorf("%+v %v", es, err)
	}
}

// Tokens that are the issuer's own and yet not for this sign-in.
func TestForeignIDTokens(t *testing.T) {
	s := newSite(t)
	c := s.browser()
	back := func() string {
		c = s.browser()
		return s.atIssuer(c, browse(t, c, s.server.URL+signInPath).location(t), "ana")
	}
	taken := map[string]any{}
	take := func(client string) {
		was := *s.signIn
		s.signIn.Client = client
		s.sent = func(token object) { taken[client] = token["id_token"] }
		s.restart()
		browse(t, c, back())
		*s.signIn = was
		s.restart()
	}
	take("other")
	take("dosebook")
	for why, change := range map[string]func(object){
		"not the issuer's for this client": func(o object) { o["id_token"] = taken["other"] },
		"has another nonce":                func(o object) { o["id_token"] = taken["dosebook"] },
		"is not the issuer's":              func(o object) { o["id_token"] = flip(o["id_token"].(string)) },
		"token is not":                     func(o object) { delete(o, "id_token") },
		"id token is not the issuer's":     func(o object) { o["id_token"] = unsigned(o["id_token"].(string)) },
		"has expired":                      func(object) { s.now = time.Now().Add(2 * time.Hour) },
	} {
		s.now = time.Now()
		s.sent = change
		address := back()
		s.refusedSignIn(c, address, why)
	}
}

// flip changes a bit of the signature, unsigned takes it away as alg none does.
func flip(jwt string) string {
	at := strings.LastIndexByte(jwt, '.') + 10
	return jwt[:at] + string('A'+(jwt[at]-'A'+1)%26) + jwt[at+1:]
}

func unsigned(jwt string) string {
	parts := strings.Split(jwt, ".")
	return "eyJhbGciOiJub25lIn0." + parts[1] + "."
}

func TestSignOutAndEnd(t *testing.T) {
	s := newSite(t)
	s.grant("ana@county.example", access.Epi, dose.Identified, "06019")
	c := s.signedIn("ana")
	out := s.server.URL + "/signout"
	for _, from := range []string{"", "null", "https://evil.example", "http://" + s.server.Listener.Addr().String()} {
		if p := post(t, c, out, from, nil); p.StatusCode != 403 {
			t.Errorf("from %q: %d", from, p.StatusCode)
		}
	}
	r, _ := http.NewRequest("POST", out, nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", s.server.URL)
	if p := do(t, c, r); p.StatusCode != 403 {
		t.Errorf("cross-site: %d", p.StatusCode)
	}
	if s.status(c, base) != 200 {
		t.Fatal("signed out by another site")
	}
	p := post(t, c, out, s.server.URL, nil)
	if p.StatusCode != 303 || !strings.HasPrefix(p.Header.Get("Location"), s.issuer.url+"/session/end?") || p.Header.Get("Clear-Site-Data") == "" {
		t.Fatalf("%d %v %s", p.StatusCode, p.Header, p.text)
	}
	if got := s.status(c, base); got != 401 {
		t.Error("after sign-out:", got)
	}
	c = s.signedIn("ana")
	s.now = s.now.Add(31 * time.Minute)
	if got := s.status(c, base); got != 401 {
		t.Error("after half an hour of nothing:", got)
	}
	s.now = time.Now()
	c = s.signedIn("ana")
	if err := s.access.RevokeUser(t.Context(), "root", "ana@county.example"); err != nil {
		t.Fatal(err)
	}
	if got := s.status(c, base); got != 401 {
		t.Error("after revoke:", got)
	}
	if got := s.status(s.signedIn("ana"), base); got != 403 {
		t.Error("signed in without a grant in force:", got)
	}
}

func TestFirstStewardByLink(t *testing.T) {
	s := newSite(t)
	secret, err := s.access.FirstLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	link := FirstLink(*s.signIn, secret)
	c := s.browser()
	if p := browse(t, c, link); p.StatusCode != 303 || p.Header.Get("Location") != signInPath {
		t.Fatal(p.StatusCode)
	}
	browse(t, s.browser(), link) // a program that checks mail uses nothing up
	p := browse(t, c, s.atIssuer(c, browse(t, c, s.server.URL+signInPath).location(t), "sam"))
	if p.StatusCode != 303 || s.status(c, "/api/v1/audit/06019") != 200 {
		t.Fatalf("no steward: %d %s", p.StatusCode, p.text)
	}
	c = s.browser()
	browse(t, c, link)
	p = browse(t, c, s.atIssuer(c, browse(t, c, s.server.URL+signInPath).location(t), "ana"))
	if p.StatusCode != 403 || !strings.Contains(p.text, "link is used") || s.status(c, "/api/v1/audit/06019") != 403 {
		t.Errorf("used twice: %d %s", p.StatusCode, p.text)
	}
	if strings.Contains(s.log.String(), secret) {
		t.Error("the log holds the link")
	}
	if got := s.status(s.browser(), firstPath+"short"); got != 404 {
		t.Error(got)
	}
}

func TestSignInWithoutTheIssuer(t *testing.T) {
	w := newWorld(t)
	refused(t, w.get(signInPath, ""), 404)
	refused(t, w.get(callback, ""), 404)
	w.cfg.SignIn = &SignIn{Issuer: "http://127.0.0.1:1", Client: "dosebook", URL: "https://doses.example"}
	w.h = New(w.cfg)
	refused(t, w.get(signInPath, ""), 502)
	refused(t, w.get(base, "", "Cookie", "__Host-dosebook="+strings.Repeat("A", 43)), 401)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	if rec := w.get(base, token); rec.Code != 200 {
		t.Error("tokens need no issuer:", rec.Code)
	}
	refused(t, w.ask("POST", "/signout", token), 400)
}

func TestAddressesOfThisServer(t *testing.T) {
	for to, want := range map[string]string{"/a?b=c#d": "/a?b=c#d", "/": "/", "": "/", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/",
		"/\tevil": "/", "evil": "/", "/a/../b": "/", "/%2f%2fevil.example": "/", "javascript:alert(1)": "/", "/" + strings.Repeat("a", 2000): "/"} {
		if got := here(to); got != want {
			t.Errorf("%q leads to %q", to, got)
		}
	}
	for _, c := range []struct {
		c  SignIn
		ok bool
	}{
		{SignIn{Issuer: "https://login.example/x", Client: "d", URL: "https://d.example"}, true},
		{SignIn{Issuer: "http://127.0.0.1:1", Client: "d", URL: "http://localhost:8080/"}, true},
		{SignIn{Issuer: "http://login.example", Client: "d", URL: "https://d.example"}, false},
		{SignIn{Issuer: "https://login.example", Client: "d", URL: "http://d.example"}, false},
		{SignIn{Issuer: "https://login.example", Client: "d", URL: "https://d.example/x"}, false},
		{SignIn{Issuer: "https://login.example", URL: "https://d.example"}, false},
		{SignIn{Issuer: "https://login.example", Client: "d", URL: "https://d.example", Groups: roles("g", "king")}, false},
	} {
		if err := c.c.Check(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.c, err)
		}
	}
}
