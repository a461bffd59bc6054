package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// SignIn says how people sign in: by an OpenID Connect issuer, with an
// authorization code and PKCE (OpenID Connect Core 1.0 §3.1, RFC 9700 §2.1).
type SignIn struct {
	Issuer string
	Client string
	Secret string // from the environment; empty for a public client
	URL    string // of this server, as browsers see it

	Scopes      []string               // beside openid; default email
	UserClaim   string                 // the user's name here; default email, which must be verified
	GroupsClaim string                 // default groups
	Groups      map[string]access.Role // which role a group opens; nil: all that the user was granted
	HTTP        *http.Client           // to the issuer; default: one with a limit of time
}

// Check says what of the configuration can't work. Secure cookies need HTTPS;
// only a server on this machine may do without.
func (c *SignIn) Check() error {
	at, err := url.Parse(c.URL)
	if err != nil || at.Host == "" || at.Scheme != "https" && !(at.Scheme == "http" && loopback(at.Hostname())) || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" {
		return fmt.Errorf("sign_in.url is this server's address, https://HOST, without a path: %w", dose.ErrInvalid)
	}
	from, err := url.Parse(c.Issuer)
	if err != nil || from.Host == "" || from.Scheme != "https" && !(from.Scheme == "http" && loopback(from.Hostname())) {
		return fmt.Errorf("sign_in.issuer is the issuer's address, https://…: %w", dose.ErrInvalid)
	}
	if c.Client == "" {
		return fmt.Errorf("sign_in.client is missing: %w", dose.ErrInvalid)
	}
	for _, role := range c.Groups {
		if _, err := access.ParseRole(string(role)); err != nil {
			return fmt.Errorf("sign_in.groups: %w", err)
		}
	}
	return nil
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func (c *SignIn) origin() string { return strings.TrimSuffix(c.URL, "/") }

func (c *SignIn) secure() bool { return strings.HasPrefix(c.URL, "https://") }

// issuerTime bounds one request to the issuer.
const issuerTime = 10 * time.Second

// signer signs people in. The issuer is asked for its addresses when somebody
// first signs in, so that the server starts without it.
type signer struct {
	SignIn
	key      []byte // of the flows; another one with each start
	now      func() time.Time
	mu       sync.Mutex
	provider *oidc.Provider
}

func newSigner(c *SignIn, now func() time.Time) *signer {
	if c == nil {
		return nil
	}
	g := &signer{SignIn: *c, key: newKey(), now: now}
	if g.HTTP == nil {
		g.HTTP = &http.Client{Timeout: issuerTime}
	}
	if g.UserClaim == "" {
		g.UserClaim = "email"
	}
	if g.GroupsClaim == "" {
		g.GroupsClaim = "groups"
	}
	if len(g.Scopes) == 0 {
		g.Scopes = []string{"email"}
	}
	return g
}

// issuer returns what is known of the issuer, and asks it where that is
// nothing yet.
func (g *signer) issuer(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.provider == nil {
		p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), g.HTTP), g.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("sign-in: the issuer does not tell its addresses: %w", dose.ErrUpstream)
		}
		g.provider = p
	}
	return g.provider, &oauth2.Config{ClientID: g.Client, ClientSecret: g.Secret, Endpoint: g.provider.Endpoint(),
		RedirectURL: g.origin() + callback, Scopes: append([]string{oidc.ScopeOpenID}, g.Scopes...)}, nil
}

// errSignIn is what somebody is told whose sign-in failed; why is for the log.
type errSignIn struct{ why string }

func (e errSignIn) Error() string {
	return "this sign-in did not work or took too long; begin again at " + signInPath
}
func (e errSignIn) Unwrap() error { return dose.ErrDenied }

// redeem changes the code for the person it stands for.
func (g *signer) redeem(ctx context.Context, code string, f flow) (access.Person, error) {
	provider, conf, err := g.issuer(ctx)
	if err != nil {
		return access.Person{}, err
	}
	ctx = oidc.ClientContext(ctx, g.HTTP)
	token, err := conf.Exchange(ctx, code, oauth2.VerifierOption(f.verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500:
		return access.Person{}, errSignIn{"the issuer refused the code"}
	case err != nil: // its text can hold what the issuer sent
		return access.Person{}, fmt.Errorf("sign-in: the issuer does not answer: %w", dose.ErrUpstream)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: g.Client, Now: g.now}).Verify(ctx, raw)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return access.Person{}, errSignIn{"the id token has expired"}
	case err != nil:
		return access.Person{}, errSignIn{"the id token is not the issuer's for this client"}
	case f.nonce == "" || id.Nonce != f.nonce:
		return access.Person{}, errSignIn{"the id token has another nonce"}
	}
	return g.person(ctx, provider, token, id)
}

// claims are those of the id token, and what only the issuer's userinfo has.
func (g *signer) claims(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, id *oidc.IDToken) (map[string]any, error) {
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, errSignIn{"the id token has no claims"}
	}
	azp, has := claims["azp"].(string)
	if has && azp != g.Client || !has && len(id.Audience) > 1 { // OpenID Connect Core 1.0 §3.1.3.7, 4 and 5
		return nil, errSignIn{"the id token was made for another party"}
	}
	if claims[g.UserClaim] != nil && (g.Groups == nil || claims[g.GroupsClaim] != nil) || provider.UserInfoEndpoint() == "" {
		return claims, nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fmt.Errorf("sign-in: the issuer's userinfo does not answer: %w", dose.ErrUpstream)
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil || info.Subject != id.Subject { // §5.3.2
		return nil, errSignIn{"the issuer's userinfo is of somebody else"}
	}
	for name, v := range claims {
		more[name] = v
	}
	return more, nil
}

func (g *signer) person(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, id *oidc.IDToken) (access.Person, error) {
	claims, err := g.claims(ctx, provider, token, id)
	if err != nil {
		return access.Person{}, err
	}
	p := access.Person{Issuer: id.Issuer, Subject: id.Subject}
	p.User, _ = claims[g.UserClaim].(string)
	if p.User == "" {
		return p, errSignIn{"the issuer tells no user's name"}
	}
	if verified, _ := claims["email_verified"].(bool); g.UserClaim == "email" && !verified {
		return p, errSignIn{"the e-mail address is not verified"}
	}
	if g.UserClaim == "email" {
		p.User = strings.ToLower(p.User) // as grants have it; whose the name is stands with the subject
	}
	if g.Groups == nil {
		return p, nil
	}
	p.Roles = g.roles(claims[g.GroupsClaim])
	if len(p.Roles) == 0 {
		return p, errSignIn{"no group of the user has a role"}
	}
	return p, nil
}

// roles are those that the groups open; a single group may come as a text.
func (g *signer) roles(claim any) []access.Role {
	list, ok := claim.([]any)
	if !ok {
		list = []any{claim}
	}
	out := []access.Role{}
	for _, v := range list {
		name, _ := v.(string)
		if role, ok := g.Groups[name]; ok && !slices.Contains(out, role) {
			out = append(out, role)
		}
	}
	slices.Sort(out)
	return out
}
