package bulktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// The token endpoint refuses what a true one refuses.
func TestTokenChecks(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Base: "http://ride.example", Now: func() time.Time { return noon },
		Clients: map[string]jose.JSONWebKeySet{"c": {Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k"}}}}})
	good := func() jwt.Claims {
		return jwt.Claims{Issuer: "c", Subject: "c", Audience: jwt.Audience{"http://ride.example/token"}, Expiry: jwt.NewNumericDate(noon.Add(time.Minute)), ID: rand.Text()}
	}
	replayed := good()
	for _, c := range []struct {
		name   string
		key    any
		kid    string
		change func(*jwt.Claims)
		want   int
	}{
		{"good", key, "k", func(*jwt.Claims) {}, 200},
		{"other signature", other, "k", func(*jwt.Claims) {}, 400},
		{"other kid", key, "x", func(*jwt.Claims) {}, 400},
		{"unknown client", key, "k", func(c *jwt.Claims) { c.Issuer, c.Subject = "d", "d" }, 400},
		{"subject is not issuer", key, "k", func(c *jwt.Claims) { c.Subject = "d" }, 400},
		{"other audience", key, "k", func(c *jwt.Claims) { c.Audience = jwt.Audience{"http://ride.example/fhir"} }, 400},
		{"expired", key, "k", func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(noon.Add(-time.Second)) }, 400},
		{"lives too long", key, "k", func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(noon.Add(time.Hour)) }, 400},
		{"no expiry", key, "k", func(c *jwt.Claims) { c.Expiry = nil }, 400},
		{"no jti", key, "k", func(c *jwt.Claims) { c.ID = "" }, 400},
		{"first use", key, "k", func(c *jwt.Claims) { *c = replayed }, 200},
		{"second use", key, "k", func(c *jwt.Claims) { *c = replayed }, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims := good()
			c.change(&claims)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: c.key, KeyID: c.kid}}, (&jose.SignerOptions{}).WithType("JWT"))
			if err != nil {
				t.Fatal(err)
			}
			assertion, err := jwt.Signed(signer).Claims(claims).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			form := url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion": {assertion},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
			if got := ask(s, http.MethodPost, "/token", form.Encode(), "application/x-www-form-urlencoded"); got.Code != c.want {
				t.Errorf("%d %s, want %d", got.Code, got.Body, c.want)
			}
		})
	}
	for _, path := range []string{"/fhir/$export", "/fhir/Patient/$export", "/fhir/Group/1/$export", "/status/1", "/file/1/0.x"} {
		if got := ask(s, http.MethodGet, path, "", ""); got.Code != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, got.Code)
		}
	}
}

func ask(s *Server, method, path, body, contentType string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://ride.example"+path, strings.NewReader(body))
	r.Header.Set("Prefer", "respond-async")
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// A folder of NDJSON files is a registry: by type, since a time, with what is
// gone.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.ndjson": `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2026-11-01T00:00:00Z"}}
{"resourceType":"Immunization","id":"1","meta":{"lastUpdated":"2026-11-01T00:00:00Z"}}

{"resourceType":"Immunization","id":"2"}`,
		"b.ndjson": `{"resourceType":"Immunization","id":"3","meta":{"lastUpdated":"2026-11-10T00:00:00Z"}}
{"resourceType":"Immunization","id":"4","meta":{"lastUpdated":"2027-01-01T00:00:00Z"}}
{"resourceType":"Bundle","meta":{"lastUpdated":"2026-11-11T00:00:00Z"},"entry":[{"request":{"method":"DELETE","url":"Immunization/1"}}]}
`,
		"c.txt": "no resource",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Store: store, Now: func() time.Time { return noon }})
	for query, want := range map[string]string{
		"":                    "Immunization 2, Patient 1",
		"?_type=Immunization": "Immunization 2",
		"?_since=2026-11-05T00:00:00Z&_type=Immunization": "Immunization 1, Bundle 1",
		"?_since=2026-11-12T00:00:00Z&_type=Immunization": "",
	} {
		k := ask(s, http.MethodGet, "/fhir/$export"+query, "", "")
		status, err := url.Parse(k.Header().Get("Content-Location"))
		if err != nil || k.Code != http.StatusAccepted {
			t.Fatalf("%s: %d %v", query, k.Code, err)
		}
		var m struct {
			Output, Deleted []struct {
				Type  string
				Count int
				URL   string
			}
		}
		if err := json.NewDecoder(ask(s, http.MethodGet, status.Path, "", "").Body).Decode(&m); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range append(m.Output, m.Deleted...) {
			u, _ := url.Parse(f.URL)
			b, _ := io.ReadAll(ask(s, http.MethodGet, u.Path, "", "").Body)
			if n := strings.Count(string(b), `"resourceType":"`+f.Type); n != f.Count {
				t.Errorf("%s: %d of %d lines", f.URL, n, f.Count)
			}
			got = append(got, f.Type+" "+string(rune('0'+f.Count)))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "d.ndjson"), []byte("{}\n{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Folder(dir); err == nil {
		t.Error("a folder with a line that is no resource was taken")
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{"cut@file": {Kind: Cut, Place: File}, "too-many@status*3": {Kind: TooMany, Place: Status, Times: 3}} {
		if got, err := ParseFault(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "cut", "@file", "cut@", "cut@file*x", "cut@file*0", "cat@file", "cut@fire"} {
		if _, err := ParseFault(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
