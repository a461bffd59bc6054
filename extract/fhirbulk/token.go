package fhirbulk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/dosebook/dosebook/dose"
)

const (
	// assertionLife: the SMART guide allows five minutes at most; the rest is
	// for clocks that differ.
	assertionLife = 4 * time.Minute
	// spare is how long a token must still live to be used.
	spare = time.Minute
	// unsaidLife is a token's life when the server does not say one.
	unsaidLife   = 5 * time.Minute
	maxTokenBody = 1 << 16
	maxDiscovery = 1 << 20
	jwtBearer    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// tokens gets access tokens by SMART Backend Services (SMART App Launch 2.2,
// Backend Services): a signed assertion for a token that lives minutes. They
// stay in memory.
type tokens struct {
	clientID, scope string
	key             jose.SigningKey
	fixed           string // token address from the configuration
	base            string

	mu      sync.Mutex
	address string
	token   string
	expires time.Time
}

func newTokens(c Config, getenv func(string) string) (*tokens, error) {
	if c.ClientID == "" {
		return nil, nil
	}
	secret := []byte(getenv(c.KeyEnv))
	from := "environment variable " + c.KeyEnv
	if c.KeyFile != "" {
		b, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("key_file: %w: %w", err, dose.ErrInvalid)
		}
		secret, from = b, "key_file"
	}
	key, err := signingKey(secret, c.KeyID)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", from, err, dose.ErrInvalid)
	}
	return &tokens{clientID: c.ClientID, scope: c.Scope, key: key, fixed: c.TokenURL, base: c.URL}, nil
}

// signingKey reads a private key, JWK or PEM (PKCS #8, PKCS #1, SEC 1). The
// algorithm follows the key: RS384 for RSA, ES384 for P-384, which are the two
// of the SMART guide. No error quotes the key.
func signingKey(secret []byte, kid string) (jose.SigningKey, error) {
	var none jose.SigningKey
	if len(secret) == 0 {
		return none, fmt.Errorf("holds no key")
	}
	var k jose.JSONWebKey
	if block, _ := pem.Decode(secret); block != nil {
		k.Key = parseDER(block.Bytes)
	} else if json.Unmarshal(secret, &k) != nil {
		return none, fmt.Errorf("is neither a JWK nor PEM")
	}
	var alg jose.SignatureAlgorithm
	switch p := k.Key.(type) {
	case *rsa.PrivateKey:
		if p.N.BitLen() < 2048 {
			return none, fmt.Errorf("has fewer than 2048 bits")
		}
		alg = jose.RS384
	case *ecdsa.PrivateKey:
		if p.Curve != elliptic.P384() {
			return none, fmt.Errorf("is not of curve P-384, which ES384 needs")
		}
		alg = jose.ES384
	default:
		return none, fmt.Errorf("is no private RSA or EC key")
	}
	if k.KeyID = either(kid, k.KeyID); k.KeyID == "" {
		sum, err := k.Thumbprint(crypto.SHA256) // RFC 7638: what most tools name a key by
		if err != nil {
			return none, fmt.Errorf("can't be used")
		}
		k.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	return jose.SigningKey{Algorithm: alg, Key: k}, nil
}

func parseDER(der []byte) any {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k
	}
	return nil
}

// get returns a token that lives for another minute.
func (t *tokens) get(ctx context.Context, c *client) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && c.now().Add(spare).Before(t.expires) {
		return t.token, nil
	}
	if err := t.discover(ctx, c); err != nil {
		return "", err
	}
	return t.token, t.ask(ctx, c)
}

// drop forgets the token bad, which the server has refused. Another goroutine
// may have got a new one meanwhile: that stays.
func (t *tokens) drop(bad string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == bad {
		t.token = ""
	}
}

// discover finds the token address (SMART App Launch 2.2, Conformance).
func (t *tokens) discover(ctx context.Context, c *client) error {
	if t.address != "" {
		return nil
	}
	address := t.fixed
	if address == "" {
		k := call{what: "discovery", method: http.MethodGet, url: t.base + "/.well-known/smart-configuration", header: accept("application/json")}
		r, b, err := c.read(ctx, k, maxDiscovery)
		if err != nil {
			return err
		}
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("no token address (set token_url): %w", r.refuse())
		}
		var d struct {
			Token string `json:"token_endpoint"`
		}
		if json.Unmarshal(b, &d) != nil || d.Token == "" {
			return fmt.Errorf("discovery: %s names no token_endpoint: set token_url: %w", redacted(k.url), dose.ErrInvalid)
		}
		address = d.Token
	}
	if !(Config{InsecureHTTP: c.plain}).address(address) {
		return fmt.Errorf("discovery: the token address %s is not https: %w", redacted(address), dose.ErrInvalid)
	}
	t.address = address
	return nil
}

// ask exchanges a fresh assertion for a token. Each try signs a new one: an
// assertion is used once.
func (t *tokens) ask(ctx context.Context, c *client) error {
	for try := 1; ; try++ {
		assertion, err := t.assertion(c.now())
		if err != nil {
			return err
		}
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {t.scope}, "client_assertion_type": {jwtBearer}, "client_assertion": {assertion}}
		r, err := c.send(ctx, call{what: "token", method: http.MethodPost, url: t.address, body: []byte(form.Encode()),
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}}, t.address, "")
		wait := backoff(try)
		if err == nil {
			if r.StatusCode == http.StatusOK {
				return t.keep(r, c.now())
			}
			again := passing(r.StatusCode)
			if after, ok := retryAfter(r.Header, c.now()); ok {
				wait = after
			}
			if err = t.refused(r); !again {
				return err
			}
		}
		if try >= tries || ctx.Err() != nil {
			return err
		}
		if err := c.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// refused says why the server gives no token: OAuth answers 400 with a code.
func (t *tokens) refused(r *reply) error {
	if r.StatusCode != http.StatusBadRequest {
		return r.refuse()
	}
	b, err := r.readAll(maxTokenBody)
	if err != nil {
		return err
	}
	var o struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(b, &o)
	return fmt.Errorf("token: %s refuses client %s (%s): check client_id, key and scope: %w", redacted(t.address), t.clientID, oauthCode(o.Error), dose.ErrDenied)
}

func (t *tokens) keep(r *reply, now time.Time) error {
	b, err := r.readAll(maxTokenBody)
	if err != nil {
		return err
	}
	var o struct {
		Token   string  `json:"access_token"`
		Type    string  `json:"token_type"`
		Seconds float64 `json:"expires_in"`
	}
	if json.Unmarshal(b, &o) != nil || o.Token == "" {
		return fmt.Errorf("token: %s sent no access_token: %w", redacted(t.address), dose.ErrInvalid)
	}
	life := unsaidLife
	if o.Seconds > 0 && o.Seconds < 1e6 {
		life = time.Duration(o.Seconds * float64(time.Second))
	}
	// A token that lives no longer than the spare would be asked for at every
	// request: such a one is used for half its life.
	t.token, t.expires = o.Token, now.Add(max(life, spare+life/2))
	return nil
}

func (t *tokens) assertion(now time.Time) (string, error) {
	signer, err := jose.NewSigner(t.key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign: %w: %w", err, dose.ErrInvalid)
	}
	s, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: t.clientID, Subject: t.clientID, Audience: jwt.Audience{t.address},
		Expiry: jwt.NewNumericDate(now.Add(assertionLife)), IssuedAt: jwt.NewNumericDate(now), ID: rand.Text()}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign: %w: %w", err, dose.ErrInvalid)
	}
	return s, nil
}

// oauthCode lets only the codes of RFC 6749, 5.2 into an error text.
func oauthCode(s string) string {
	switch s {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
		return s
	}
	return "no code"
}

func accept(types string) http.Header { return http.Header{"Accept": {types}} }
