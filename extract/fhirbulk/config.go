package fhirbulk

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Config is one registry's Bulk Data endpoint. Only URL is needed for an open
// server; one that asks who calls needs ClientID and a key too. Zero values
// mean the defaults named here.
type Config struct {
	URL   string `yaml:"url"`   // base of the FHIR server
	Level string `yaml:"level"` // patient (default), group, system
	Group string `yaml:"group"` // id of the Group; implies level group

	Kickoff    string   `yaml:"kickoff"`     // get (default) or post: guide 4.0.0 has POST only
	Types      []string `yaml:"types"`       // default Patient, Location, Organization, Immunization
	TypeFilter []string `yaml:"type_filter"` // such as Immunization?date=ge2020-12-14; OR within a type
	Partial    bool     `yaml:"partial"`     // allow the server to split its manifest (allowPartialManifests)

	// Patients says what comes with the changed Immunizations of a later run.
	// full (default): a second export of all other types, so that each changed
	// dose has its Patient; it costs the server a full pass. since: only what
	// changed too; a dose whose Patient did not change comes without one.
	// With either, a change of a Patient alone reaches her doses only with the
	// next full export (FullEvery).
	Patients  string        `yaml:"patients"`
	FullEvery time.Duration `yaml:"full_every"` // ask for everything again so often; 0: never

	ClientID string   `yaml:"client_id"`
	KeyEnv   string   `yaml:"key_env"`   // environment variable with the private key, JWK or PEM
	KeyFile  string   `yaml:"key_file"`  // or the file that holds it
	KeyID    string   `yaml:"key_id"`    // kid, where the key itself does not say it
	Scope    string   `yaml:"scope"`     // default system/TYPE.rs for each type
	TokenURL string   `yaml:"token_url"` // default: what the server's smart-configuration names
	Hosts    []string `yaml:"hosts"`     // other hosts that files may come from: name or name:port

	PollMax      time.Duration `yaml:"poll_max"`      // longest wait for one export; default 24h
	Timeout      time.Duration `yaml:"timeout"`       // without a byte from the server; default 2m
	Parallel     int           `yaml:"parallel"`      // files fetched at a time; default 4
	InsecureHTTP bool          `yaml:"insecure_http"` // plain http; for tests on one machine
}

const (
	defaultPollMax  = 24 * time.Hour
	defaultTimeout  = 2 * time.Minute
	defaultParallel = 4
	immunization    = "Immunization"
)

// filled returns the configuration with its defaults.
func (c Config) filled() Config {
	c.URL = strings.TrimRight(c.URL, "/")
	if c.Level == "" {
		c.Level = "patient"
		if c.Group != "" {
			c.Level = "group"
		}
	}
	if len(c.Types) == 0 {
		c.Types = []string{"Patient", "Location", "Organization", immunization}
	}
	if c.Scope == "" {
		scopes := make([]string, len(c.Types))
		for i, t := range c.Types {
			scopes[i] = "system/" + t + ".rs"
		}
		c.Scope = strings.Join(scopes, " ")
	}
	c.Kickoff, c.Patients = either(c.Kickoff, "get"), either(c.Patients, "full")
	c.PollMax, c.Timeout, c.Parallel = either(c.PollMax, defaultPollMax), either(c.Timeout, defaultTimeout), either(c.Parallel, defaultParallel)
	return c
}

func either[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Check finds every mistake that can be seen without asking the server. Each
// is of kind dose.ErrInvalid.
func (c Config) Check() error {
	c = c.filled()
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), dose.ErrInvalid))
		}
	}
	wrong(!c.address(c.URL), "url is not the https address of a FHIR server (http needs insecure_http)")
	wrong(!slices.Contains([]string{"patient", "group", "system"}, c.Level), "level is patient, group or system, not %q", c.Level)
	wrong((c.Level == "group") != (c.Group != ""), "level group and the group's id go together")
	wrong(c.Group != "" && !plainID(c.Group), "group is an id: letters, digits, - and .")
	wrong(c.Kickoff != "get" && c.Kickoff != "post", "kickoff is get or post, not %q", c.Kickoff)
	wrong(c.Patients != "full" && c.Patients != "since", "patients is full or since, not %q", c.Patients)
	wrong(!slices.Contains(c.Types, immunization), "types must hold Immunization")
	for i, t := range c.Types {
		wrong(!typeName(t), "types: %q is no resource type", t)
		wrong(slices.Contains(c.Types[:i], t), "types: %s stands twice", t)
	}
	for _, f := range c.TypeFilter {
		t, query, ok := strings.Cut(f, "?")
		wrong(!ok || query == "" || !slices.Contains(c.Types, t), "type_filter reads Type?query, with a type that is in types: %q", f)
		wrong(strings.Contains(f, "_sort=") || strings.Contains(f, "_include="), "type_filter may not sort or include (Bulk Data guide, _typeFilter): %q", f)
	}
	c.checkAccess(wrong)
	wrong(c.FullEvery < 0, "full_every can't be negative")
	wrong(c.PollMax < 0 || c.Timeout < 0, "poll_max and timeout can't be negative")
	wrong(c.Parallel < 1 || c.Parallel > 16, "parallel is 1 to 16: more would burden the registry")
	return errors.Join(errs...)
}

func (c Config) checkAccess(wrong func(bool, string, ...any)) {
	keys := 0
	for _, k := range []string{c.KeyEnv, c.KeyFile} {
		if k != "" {
			keys++
		}
	}
	wrong(keys > 1, "key_env and key_file: give one of them")
	wrong(c.ClientID != "" && keys == 0, "client_id needs its private key: key_env or key_file")
	wrong(c.ClientID == "" && keys > 0, "a key needs the client_id that it was registered for")
	wrong(c.TokenURL != "" && !c.address(c.TokenURL), "token_url is not an https address (http needs insecure_http)")
	for _, h := range c.Hosts {
		u, err := url.Parse("https://" + h)
		wrong(err != nil || u.Host != h || h == "", "hosts: %q is no host name", h)
	}
}

// address says whether s is an address that a token may travel to.
func (c Config) address(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && c.InsecureHTTP)
}

func plainID(s string) bool {
	for _, r := range s {
		if !letter(r) && !(r >= '0' && r <= '9') && r != '-' && r != '.' {
			return false
		}
	}
	return s != "" && s != "." && s != ".."
}

func typeName(s string) bool {
	for _, r := range s {
		if !letter(r) {
			return false
		}
	}
	return s != "" && s[0] >= 'A' && s[0] <= 'Z'
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
