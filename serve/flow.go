package serve

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// flowLife is how long somebody may take to sign in at the issuer.
const flowLife = 10 * time.Minute

// flow is one sign-in under way. All of it follows from a cookie of the
// browser that began it and a key of this process: nothing is kept, and no
// other browser can end it (RFC 9700 §4.7).
type flow struct {
	cookie                 string
	state, nonce, verifier string
	to                     string // where to go then: an address of this server
}

func newKey() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand never fails: it ends the program instead
	return b
}

func (g *signer) newFlow(to string) flow {
	text := base64.RawURLEncoding.EncodeToString(newKey()) + "." + strconv.FormatInt(g.now().Unix(), 36) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(here(to)))
	f, _ := g.openFlow(text + "." + g.mac("flow", text))
	return f
}

// openFlow reads a cookie that newFlow made, within flowLife.
func (g *signer) openFlow(cookie string) (flow, bool) {
	at := strings.LastIndexByte(cookie, '.')
	if at < 0 || !hmac.Equal([]byte(g.mac("flow", cookie[:at])), []byte(cookie[at+1:])) {
		return flow{}, false
	}
	parts := strings.Split(cookie[:at], ".")
	if len(parts) != 3 {
		return flow{}, false
	}
	began, err := strconv.ParseInt(parts[1], 36, 64)
	age := g.now().Sub(time.Unix(began, 0))
	to, errTo := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || errTo != nil || age < -time.Minute || age > flowLife {
		return flow{}, false
	}
	return flow{cookie: cookie, state: g.mac("state", parts[0]), nonce: g.mac("nonce", parts[0]), verifier: g.mac("verifier", parts[0]), to: here(string(to))}, true
}

func (g *signer) mac(what, text string) string {
	m := hmac.New(sha256.New, g.key)
	m.Write([]byte(what + "\n" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// here returns an address of this server, whatever was asked for: no other
// host, in none of the forms that browsers take for one.
func here(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || len(to) > 1024 ||
		!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") || path.Clean(u.Path) != u.Path {
		return "/"
	}
	return to
}
