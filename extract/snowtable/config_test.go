//go:build !nosnowflake

package snowtable

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/dosebook/dosebook/dose"
)

func good() Config {
	return Config{Account: "ORG-ACCOUNT", User: "READER", Role: "LHJ_READ", Warehouse: "W", Database: "CA_VACCINE", Schema: "PUBLIC",
		PasswordEnv: "PASSWORD", Table: "VW_ALL_IIS_LHJ", Snapshot: true}
}

func TestCheck(t *testing.T) {
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for words, spoil := range map[string]func(*Config){
		"account is":             func(c *Config) { c.Account = "org/account" },
		"user is missing":        func(c *Config) { c.User = "" },
		"role is missing":        func(c *Config) { c.Role = "" },
		"warehouse is missing":   func(c *Config) { c.Warehouse = "W; DROP" },
		"one of key_env":         func(c *Config) { c.TokenEnv = "T" },
		"oauth has":              func(c *Config) { c.PasswordEnv, c.OAuth = "", OAuth{ClientID: "x"} },
		"one of table and query": func(c *Config) { c.Query = "SELECT 1" },
		"table is a name":        func(c *Config) { c.Table = "A B" },
		"query is one SELECT":    func(c *Config) { c.Table, c.Query = "", "SELECT 1; DROP TABLE X" },
		"without a semicolon":    func(c *Config) { c.Table, c.Query = "", "DELETE FROM X" },
		"one of watermark":       func(c *Config) { c.Watermark.Column = "U" },
		"give one of watermark":  func(c *Config) { c.Snapshot = false },
		"not negative":           func(c *Config) { c.Watermark.Overlap = -1 },
		`goes to "line"`:         func(c *Config) { c.Columns = map[string]string{"X": "line"} },
		"batch_mb":               func(c *Config) { c.BatchMB = 1000 },
		"timeout":                func(c *Config) { c.Timeout = -1 },
		"name is a":              func(c *Config) { c.Name = "../x" },
		"protocol is https":      func(c *Config) { c.Protocol, c.Host = "http", "snow.example.org" },
	} {
		c := good()
		spoil(&c)
		if err := c.Check(); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
}

// TestCredentials: what the driver is given, and what is refused.
func TestCredentials(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"PEM":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"BASE64": base64.StdEncoding.EncodeToString(der), "URL": base64.URLEncoding.EncodeToString(der),
		"CURVE": base64.StdEncoding.EncodeToString(other), "JUNK": "sesame", "TOKEN": "sesame",
	}
	open := func(spoil func(*Config)) (sf.Config, error) {
		c := good()
		c.PasswordEnv = ""
		spoil(&c)
		s, err := New(c, Options{Getenv: func(k string) string { return env[k] }})
		if err != nil {
			return sf.Config{}, err
		}
		return s.driverConfig(), nil
	}
	for _, name := range []string{"PEM", "BASE64", "URL"} {
		if c, err := open(func(c *Config) { c.KeyEnv = name }); err != nil || c.Authenticator != sf.AuthTypeJwt || !c.PrivateKey.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"CURVE", "JUNK", "NOT_SET"} {
		if _, err := open(func(c *Config) { c.KeyEnv = name }); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := open(func(c *Config) { c.TokenEnv = "TOKEN" }); err != nil || c.Authenticator != sf.AuthTypePat || c.Token != "sesame" {
		t.Error(err)
	}
	c, err := open(func(c *Config) {
		c.OAuth = OAuth{ClientID: "dosebook", SecretEnv: "TOKEN", TokenURL: "https://login.example.org/token", Scope: "session:role:LHJ_READ"}
	})
	if err != nil || c.Authenticator != sf.AuthTypeOAuthClientCredentials || c.OauthClientSecret != "sesame" || c.OauthClientID != "dosebook" {
		t.Error(err)
	}
	if *c.Params["STATEMENT_TIMEOUT_IN_SECONDS"] != "1800" || *c.Params["TIMEZONE"] != "UTC" || c.MaxRetryCount != 0 {
		t.Errorf("%+v", c.Params)
	}
}

func TestMeaning(t *testing.T) {
	for n, want := range map[int]error{2003: dose.ErrDenied, 3001: dose.ErrDenied, 390189: dose.ErrDenied, 904: dose.ErrInvalid, 1003: dose.ErrInvalid,
		260000: dose.ErrInvalid, 261000: dose.ErrUpstream, 630: dose.ErrUpstream, 0: dose.ErrUpstream} {
		if why, kind := meaning(n); kind != want || why == "" {
			t.Errorf("%d: %v", n, kind)
		}
	}
}
