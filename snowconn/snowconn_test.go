//go:build !nosnowflake

package snowconn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/dosebook/dosebook/dose"
)

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
	open := func(spoil func(*Login)) (sf.Config, error) {
		l := Login{Account: "ORG-ACCOUNT", User: "READER", Role: "LHJ_READ", Warehouse: "W", Database: "CA_VACCINE", Schema: "PUBLIC", Timeout: 30 * time.Minute}
		spoil(&l)
		s, err := l.Secret(func(k string) string { return env[k] })
		return driverConfig(l, s), err
	}
	for _, name := range []string{"PEM", "BASE64", "URL"} {
		if c, err := open(func(c *Login) { c.KeyEnv = name }); err != nil || c.Authenticator != sf.AuthTypeJwt || !c.PrivateKey.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"CURVE", "JUNK", "NOT_SET"} {
		if _, err := open(func(c *Login) { c.KeyEnv = name }); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := open(func(c *Login) { c.TokenEnv = "TOKEN" }); err != nil || c.Authenticator != sf.AuthTypePat || c.Token != "sesame" {
		t.Error(err)
	}
	c, err := open(func(c *Login) {
		c.OAuth = OAuth{ClientID: "dosebook", SecretEnv: "TOKEN", TokenURL: "https://login.example.org/token", Scope: "session:role:LHJ_READ"}
	})
	if err != nil || c.Authenticator != sf.AuthTypeOAuthClientCredentials || c.OauthClientSecret != "sesame" || c.OauthClientID != "dosebook" {
		t.Error(err)
	}
	if *c.Params["STATEMENT_TIMEOUT_IN_SECONDS"] != "1800" || *c.Params["TIMEZONE"] != "UTC" || c.MaxRetryCount != 0 {
		t.Errorf("%+v", c.Params)
	}
}

// TestTold: an error has the server's number and query id, our own errors
// their text, and the driver's text never comes through.
func TestTold(t *testing.T) {
	meaning := func(n int) (string, error) {
		if n == 904 {
			return "no such column", dose.ErrInvalid
		}
		return Meaning(n)
	}
	for _, c := range []struct {
		err  error
		want string
		kind error
	}{
		{&sf.SnowflakeError{Number: 904, SQLState: "42000", QueryID: "01-2", Message: "sesame"}, "ask: Snowflake error 000904 (42000), query 01-2: no such column", dose.ErrInvalid},
		{&sf.SnowflakeError{Number: 390189, SQLState: "-1", Message: "sesame"}, "ask: Snowflake error 390189: the server refuses", dose.ErrDenied},
		{fmt.Errorf("dial sesame"), "ask: no answer", dose.ErrUpstream},
		{fmt.Errorf("the driver: %w", ours{fmt.Errorf("too few rows: %w", dose.ErrUpstream)}), "ask: too few rows", dose.ErrUpstream},
	} {
		got := Told(t.Context(), "ask", c.err, meaning)
		if !errors.Is(got, c.kind) || !strings.HasPrefix(got.Error(), c.want) || strings.Contains(got.Error(), "sesame") {
			t.Errorf("%v", got)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Told(over, "ask", fmt.Errorf("sesame"), meaning); !errors.Is(got, context.Canceled) {
		t.Error(got)
	}
	if Told(t.Context(), "ask", nil, meaning) != nil {
		t.Error("no error is told as one")
	}
}
