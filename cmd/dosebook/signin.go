package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/serve"
)

// signInConfig is how people sign in. The client's secret is in the
// environment, never in the file.
type signInConfig struct {
	Issuer      string            `yaml:"issuer"`
	Client      string            `yaml:"client"`
	SecretEnv   string            `yaml:"secret_env,omitempty"` // default DOSEBOOK_OIDC_SECRET
	URL         string            `yaml:"url"`                  // of this server, as browsers see it
	Scopes      []string          `yaml:"scopes,omitempty"`
	UserClaim   string            `yaml:"user_claim,omitempty"`
	GroupsClaim string            `yaml:"groups_claim,omitempty"`
	Groups      map[string]string `yaml:"groups,omitempty"` // group: role
}

type tlsConfig struct {
	Cert string `yaml:"cert,omitempty"` // PEM files
	Key  string `yaml:"key,omitempty"`
}

func (c *signInConfig) settings() *serve.SignIn {
	out := &serve.SignIn{Issuer: c.Issuer, Client: c.Client, Secret: os.Getenv(cmp.Or(c.SecretEnv, "DOSEBOOK_OIDC_SECRET")), URL: c.URL,
		Scopes: c.Scopes, UserClaim: c.UserClaim, GroupsClaim: c.GroupsClaim}
	if c.Groups != nil {
		out.Groups = make(map[string]access.Role, len(c.Groups))
	}
	for group, role := range c.Groups {
		out.Groups[group] = access.Role(role)
	}
	return out
}

func (c *config) checkWeb() error {
	var errs []error
	if c.SignIn != nil {
		errs = append(errs, c.SignIn.settings().Check())
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, fmt.Errorf("tls needs cert and key: %w", dose.ErrInvalid))
	}
	for _, p := range c.Proxies {
		if _, err := prefix(p); err != nil {
			errs = append(errs, fmt.Errorf("proxies: %q is no address such as 10.0.0.1 or 10.0.0.0/24: %w", p, dose.ErrInvalid))
		}
	}
	return errors.Join(errs...)
}

// proxies are those of the file, which checkWeb has read.
func (c *config) proxies() (out []netip.Prefix) {
	for _, text := range c.Proxies {
		if p, err := prefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func prefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// signIn is how people sign in to the server that starts. While there is no
// steward it prints the link by which one is made.
func (e *env) signIn(ctx context.Context, b *book) (*serve.SignIn, error) {
	if e.config.SignIn == nil {
		return nil, nil
	}
	s := e.config.SignIn.settings()
	secret, err := b.access.FirstLink(ctx)
	if err != nil || secret == "" {
		return s, err
	}
	e.note("there is no steward yet; who opens this link within an hour and signs in is the first one:\n  %s", serve.FirstLink(*s, secret))
	return s, nil
}
