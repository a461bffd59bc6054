package serve

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	process "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
)

// required skips a test whose part is missing, or fails it where CI asks for
// all parts.
func required(t testing.TB, part, how string) {
	t.Helper()
	if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, part) {
		t.Fatalf("%s is not installed: %s", part, how)
	}
	t.Skipf("%s is not installed: %s", part, how)
}

// issuer is npm's oidc-provider, certified for OpenID Connect.
type issuer struct{ url string }

type object = map[string]any

var people = map[string]object{
	"ana":   {"email": "Ana@county.example", "email_verified": true, "groups": []string{"all-staff", "county-epis"}},
	"sam":   {"email": "sam@state.example", "email_verified": true, "groups": []string{"stewards"}},
	"guest": {"email": "guest@other.example", "email_verified": true, "groups": []string{"all-staff"}},
	"fake":  {"email": "ana@county.example", "email_verified": false, "groups": []string{"stewards"}},
	"thief": {"email": "ana@county.example", "email_verified": true, "groups": []string{"stewards"}},
}

func startIssuer(t *testing.T, back string, env ...string) issuer {
	t.Helper()
	dir := filepath.Join("..", "testdata", "oidc")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "oidc-provider")); err != nil {
		required(t, "oidc-provider", "npm ci --prefix testdata/oidc")
	}
	client := func(id string) object {
		return object{"client_id": id, "client_secret": "a secret of tests", "redirect_uris": []string{back}, "grant_types": []string{"authorization_code"},
			"post_logout_redirect_uris": []string{strings.TrimSuffix(back, callback) + "/"}}
	}
	clients, _ := json.Marshal([]object{client("dosebook"), client("other")})
	who, _ := json.Marshal(people)
	cmd := process.CommandContext(t.Context(), "node", "provider.mjs")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), append(env, "OIDC_PEOPLE="+string(who), "OIDC_CLIENTS="+string(clients))...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		required(t, "oidc-provider", "node is needed")
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if at, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return issuer{at}
		}
	}
	t.Fatal("the issuer did not start")
	return issuer{}
}

// site is a world with sign-in, behind HTTPS.
type site struct {
	*world
	t      *testing.T
	server *httptest.Server
	issuer issuer
	sent   func(token object) // sees and changes the issuer's answer to a code
	signIn *SignIn
	// at is what answers now: a browser of its own process orders nothing, so
	// its requests may read it while restart writes.
	at atomic.Pointer[http.Handler]
}

func newSite(t *testing.T, env ...string) *site {
	t.Helper()
	s := &site{world: newWorld(t), t: t}
	s.now = time.Now() // the issuer's tokens are of today
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.at.Load()).ServeHTTP(w, r) }))
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	s.issuer = startIssuer(t, s.server.URL+callback, env...)
	s.signIn = &SignIn{Issuer: s.issuer.url, Client: "dosebook", Secret: "a secret of tests", URL: s.server.URL, Scopes: []string{"email", "groups"},
		HTTP: &http.Client{Transport: between{s}, Timeout: issuerTime}}
	s.restart()
	return s
}

func (s *site) restart() {
	s.cfg.SignIn = s.signIn
	h := http.Handler(New(s.cfg))
	s.h = h
	s.at.Store(&h)
}

// between lets a test change what the issuer answers to a code.
type between struct{ s *site }

func (b between) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || b.s.sent == nil || r.URL.Path != "/token" || res.StatusCode != 200 {
		return res, err
	}
	var token object
	err = json.NewDecoder(res.Body).Decode(&token)
	res.Body.Close()
	b.s.sent(token)
	text, _ := json.Marshal(token)
	res.Body, res.ContentLength = io.NopCloser(strings.NewReader(string(text))), int64(len(text))
	return res, err
}

// browser keeps cookies and follows no redirect.
func (s *site) browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	c := s.server.Client()
	return &http.Client{Jar: jar, Transport: c.Transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type webPage struct {
	*http.Response
	text string
}

func do(t *testing.T, c *http.Client, r *http.Request) webPage {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return webPage{res, string(b)}
}

func browse(t *testing.T, c *http.Client, address string) webPage {
	t.Helper()
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, c, r)
}

// post sends a form as a page of the site from does.
func post(t *testing.T, c *http.Client, address, from string, form url.Values) webPage {
	t.Helper()
	r, err := http.NewRequest("POST", address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if from != "" {
		r.Header.Set("Origin", from)
	}
	return do(t, c, r)
}

func (p webPage) location(t *testing.T) string {
	t.Helper()
	to, err := p.Location()
	if err != nil {
		t.Fatalf("%d, no redirect: %s", p.StatusCode, p.text)
	}
	return to.String()
}

var formAction = regexp.MustCompile(`action="([^"]+)"`)

// atIssuer walks through the issuer's pages from address as the person, up to
// the address that leads back.
func (s *site) atIssuer(c *http.Client, address, who string) string {
	s.t.Helper()
	for range 12 {
		p := browse(s.t, c, address)
		if p.StatusCode == 200 {
			action := formAction.FindStringSubmatch(p.text)
			if action == nil {
				s.t.Fatalf("the issuer shows no form: %s", p.text)
			}
			form := url.Values{"prompt": {"consent"}}
			if strings.Contains(p.text, `name="login"`) {
				form = url.Values{"prompt": {"login"}, "login": {who}, "password": {"any"}}
			}
			to, err := p.Request.URL.Parse(action[1])
			if err != nil {
				s.t.Fatal(err)
			}
			p = post(s.t, c, to.String(), "", form)
		}
		address = p.location(s.t)
		if strings.HasPrefix(address, s.server.URL) {
			return address
		}
	}
	s.t.Fatal("the issuer goes round in circles")
	return ""
}

// signedIn signs a person in and returns the browser.
func (s *site) signedIn(who string) *http.Client {
	s.t.Helper()
	c := s.browser()
	back := s.atIssuer(c, browse(s.t, c, s.server.URL+signInPath).location(s.t), who)
	if p := browse(s.t, c, back); p.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("sign-in of %s: %d %s\n%s", who, p.StatusCode, p.text, s.log)
	}
	return c
}

func (s *site) status(c *http.Client, path string) int {
	s.t.Helper()
	return browse(s.t, c, s.server.URL+path).StatusCode
}

func roles(pairs ...string) map[string]access.Role {
	out := map[string]access.Role{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = access.Role(pairs[i+1])
	}
	return out
}

// refusedSignIn asserts a problem, a reason in the log and no session.
func (s *site) refusedSignIn(c *http.Client, back, why string) {
	s.t.Helper()
	s.log.Reset()
	p := browse(s.t, c, back)
	if p.StatusCode != 403 || !strings.Contains(p.text, "begin again") && !strings.Contains(p.text, "another person") || strings.Contains(p.text, "eyJ") {
		s.t.Errorf("%s: %d %s", why, p.StatusCode, p.text)
	}
	if !strings.Contains(s.log.String(), why) || strings.Contains(s.log.String(), "eyJ") || strings.Contains(s.log.String(), "@") {
		s.t.Errorf("%s: the log has %s", why, s.log)
	}
	for _, ck := range p.Cookies() {
		if ck.Name == "__Host-"+sessionCookie {
			s.t.Errorf("%s: a session all the same", why)
		}
	}
	if got := s.status(c, "/api/v1/session"); got != 401 {
		s.t.Errorf("%s: signed in, %d", why, got)
	}
}
