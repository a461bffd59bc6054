package fhirbulk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"gopkg.in/yaml.v3"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract/fhirbulk/bulktest"
)

func TestCheck(t *testing.T) {
	for says, c := range map[string]Config{
		"url is not the https":         {URL: "http://ride.example/fhir"},
		"url is not the https address": {URL: "https://user:pw@ride.example/fhir"},
		"level is patient":             {Level: "all"},
		"go together":                  {Level: "group"},
		"the group's id":               {Level: "system", Group: "1"},
		"group is an id":               {Group: "../1"},
		"kickoff is get or post":       {Kickoff: "put"},
		"patients is full or since":    {Patients: "none"},
		"must hold Immunization":       {Types: []string{"Patient"}},
		"no resource type":             {Types: []string{"Immunization", "Patient,Group"}},
		"stands twice":                 {Types: []string{"Immunization", "Immunization"}},
		"reads Type?query":             {TypeFilter: []string{"Observation?x=1"}},
		"may not sort":                 {TypeFilter: []string{"Immunization?_sort=date"}},
		"needs its private key":        {ClientID: "x"},
		"needs the client_id":          {KeyEnv: "KEY"},
		"give one of them":             {ClientID: "x", KeyEnv: "KEY", KeyFile: "key"},
		"token_url is not":             {TokenURL: "http://ride.example/token"},
		"no host name":                 {Hosts: []string{"https://files.example"}},
		"full_every":                   {FullEvery: -1},
		"poll_max and timeout":         {Timeout: -1},
		"parallel is 1 to 16":          {Parallel: 17},
	} {
		if c.URL == "" {
			c.URL = "https://ride.example/fhir"
		}
		err := c.Check()
		if !errors.Is(err, dose.ErrInvalid) || !strings.Contains(textOf(err), says) || strings.Contains(textOf(err), "pw") {
			t.Errorf("%+v: %v, want %q", c, err, says)
		}
	}
	if err := (Config{URL: "x", Level: "y", Kickoff: "z"}).Check(); strings.Count(textOf(err), "\n") != 2 {
		t.Errorf("not every mistake is told: %v", err)
	}
}

// The example of the documentation is one that is taken.
func TestYAML(t *testing.T) {
	const text = `
url: https://ride.example.org/fhir
group: covid-doses
kickoff: post
types: [Patient, Location, Organization, Immunization]
type_filter: ["Immunization?date=ge2020-12-14"]
partial: true
patients: full
full_every: 720h
client_id: dosebook
key_env: RIDE_KEY
hosts: [files.ride.example.org]
poll_max: 12h
timeout: 90s
parallel: 8
`
	var c Config
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if f := c.filled(); f.Level != "group" || f.PollMax != 12*time.Hour || f.Timeout != 90*time.Second || f.FullEvery != 720*time.Hour ||
		f.Scope != "system/Patient.rs system/Location.rs system/Organization.rs system/Immunization.rs" {
		t.Errorf("%+v", f)
	}
}

// Each form of a key gets a token from a server that checks signatures.
func TestKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		secret string
		kid    string
		public any
		says   string
	}{
		"RSA JWK":         {jwk(t, rsaKey), "", &rsaKey.PublicKey, ""},
		"EC JWK":          {jwk(t, ecKey), "", &ecKey.PublicKey, ""},
		"RSA PKCS 8":      {pkcs8(t, rsaKey), "own", &rsaKey.PublicKey, ""},
		"RSA PKCS 1":      {pemText("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "own", &rsaKey.PublicKey, ""},
		"EC PKCS 8":       {pkcs8(t, ecKey), "own", &ecKey.PublicKey, ""},
		"other key":       {jwk(t, ecKey), "", &rsaKey.PublicKey, "invalid_client"},
		"empty":           {"", "", nil, "holds no key"},
		"nonsense":        {"s3cret", "", nil, "neither a JWK nor PEM"},
		"public key":      {jwk(t, &ecKey.PublicKey), "", nil, "no private RSA or EC key"},
		"P-256":           {jwk(t, p256), "", nil, "P-384"},
		"broken PEM":      {pemText("PRIVATE KEY", []byte("s3cret")), "", nil, "no private RSA or EC key"},
		"symmetric (oct)": {jwk(t, []byte("s3cret-s3cret-s3cret-s3cret-s3cret")), "", nil, "no private RSA or EC key"},
	} {
		t.Run(name, func(t *testing.T) {
			public := jose.JSONWebKey{Key: c.public, KeyID: either(c.kid, "k1")}
			r := newRegistry(t, func(b *bulktest.Config) {
				b.Clients = map[string]jose.JSONWebKeySet{"dosebook": {Keys: []jose.JSONWebKey{public}}}
			})
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.secret), 0o600); err != nil {
				t.Fatal(err)
			}
			own := r.config
			own.KeyEnv, own.KeyFile, own.KeyID = "", path, c.kid
			s, err := New(own, r.options())
			if err == nil {
				_, err = s.Fetch(t.Context(), t.TempDir(), "")
			}
			r.discreet(t, err)
			if (err != nil) != (c.says != "") || !strings.Contains(textOf(err), c.says) || strings.Contains(textOf(err), "s3cret") {
				t.Errorf("error %v, want %q", err, c.says)
			}
			if c.says == "invalid_client" && !errors.Is(err, dose.ErrDenied) {
				t.Errorf("error %v is not of kind denied", err)
			}
		})
	}
}

func jwk(t *testing.T, key any) string {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemText("PRIVATE KEY", b)
}

func pemText(kind string, b []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
}

func TestRetryAfter(t *testing.T) {
	for v, want := range map[string]time.Duration{"": -1, "soon": -1, "-5": -1, "0": 0, "120": 2 * time.Minute, "999999": longestAfter,
		day.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, day.Add(-time.Hour).Format(http.TimeFormat): 0, day.AddDate(1, 0, 0).Format(http.TimeFormat): longestAfter} {
		got, ok := retryAfter(http.Header{"Retry-After": {v}}, day)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v %v, want %v", v, got, ok, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for try, base := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: longestWait, 1000: longestWait} {
		for range 50 {
			if d := backoff(try); d < base-base/4 || d > base+base/4 {
				t.Errorf("try %d: %v", try, d)
			}
		}
	}
}

func TestCounter(t *testing.T) {
	for text, want := range map[string][2]int64{"": {0, 0}, "\n\n": {0, 0}, "{}\n": {1, 0}, "{}": {1, 0}, "{}\r\n \n {} \n": {2, 0}, "{}\n{\"a\":": {2, 2},
		"{}\n\nx\n{}\n": {3, 3}, "\x00\x00\n": {1, 1}, "{}\n[]\n": {2, 2}} {
		for size := 1; size <= 4; size++ {
			var c counter
			for rest := []byte(text); len(rest) > 0; {
				n := min(size, len(rest))
				_, _ = c.Write(rest[:n])
				rest = rest[n:]
			}
			c.end()
			if c.records != want[0] || c.bad != want[1] {
				t.Errorf("%q by %d: %d records, line %d bad, want %v", text, size, c.records, c.bad, want)
			}
		}
	}
}

func TestReach(t *testing.T) {
	c := &client{home: origin("https://Ride.example/fhir"), hosts: map[string]bool{"files.example:443": true}}
	for address, allowed := range map[string]bool{"https://ride.example/x": true, "https://ride.example:443/x": true, "https://files.example/x?sig=1": true,
		"http://ride.example/x": false, "https://ride.example:8443/x": false, "https://files.example:444/": false, "http://files.example/": false,
		"https://ride.example.evil.example/": false, "https://evil.example/?x=ride.example": false, "https://ride.example@evil.example/": false,
		"file:///etc/passwd": false, "/relative": false, "https://169.254.169.254/": false} {
		err := c.mayReach(address)
		if (err == nil) != allowed || strings.Contains(textOf(err), "?") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
