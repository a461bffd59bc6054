// Package snowconn signs in to Snowflake: what load/snowflake and
// extract/snowtable both need of the driver, and the one place that links it
// (ADR 0016).
//
// It promises that a secret never enters a data source name, which drivers
// quote in errors; that no error has a value, a statement or a secret in it;
// that results come as Arrow, one part in memory at a time, with as many rows
// as the server says they have. It never decides what is asked.
package snowconn

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Login says which account, and who signs in. It holds names of environment
// variables, never a secret.
type Login struct {
	Account, User, Role, Warehouse, Database, Schema string

	KeyEnv, TokenEnv, PasswordEnv string // one of these, or OAuth
	OAuth                         OAuth

	Timeout time.Duration // of a statement
	SignIn  time.Duration // until the account counts as away

	Host     string // for an emulator or a private link
	Port     int
	Protocol string // http on this machine only

	Params map[string]string // settings of the session beside the common ones
}

// OAuth is the client credentials grant, by which the state's own jobs
// connected.
type OAuth struct {
	ClientID  string `yaml:"client_id"`
	SecretEnv string `yaml:"secret_env"`
	TokenURL  string `yaml:"token_url"`
	Scope     string `yaml:"scope"`
}

// Identifier is a name that needs no quotes.
var Identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)

var account = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// Check tells every mistake to no; may lists the ways to sign in that the
// configuration offers, by their names.
func (l Login) Check(may string, no func(bad bool, text string, args ...any)) {
	no(!account.MatchString(l.Account), "account is the account's identifier, such as ORG-ACCOUNT")
	no(l.User == "" && l.OAuth.ClientID == "", "user is missing")
	for _, f := range []struct{ name, value string }{{"role", l.Role}, {"warehouse", l.Warehouse}, {"database", l.Database}, {"schema", l.Schema}} {
		no(!Identifier.MatchString(f.value), "%s is missing, or is no plain name", f.name)
	}
	ways := 0
	for _, set := range []bool{l.KeyEnv != "", l.TokenEnv != "", l.PasswordEnv != "", l.OAuth != OAuth{}} {
		if set {
			ways++
		}
	}
	no(ways != 1, "give one of %s", may)
	no(l.OAuth != OAuth{} && (l.OAuth.ClientID == "" || l.OAuth.SecretEnv == "" || !strings.HasPrefix(l.OAuth.TokenURL, "https://")),
		"oauth has client_id, secret_env and token_url, which begins with https://")
	no(l.Timeout < 0 || l.SignIn < 0, "timeout and sign_in are not negative")
	no(cmp.Or(l.Protocol, "https") != "https" && !(l.Protocol == "http" && loopback(l.Host)), "protocol is https, or http for a host on this machine")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Secret is what the environment holds.
type Secret struct {
	key  *rsa.PrivateKey
	text string // token, password or client secret
}

// Secret reads the environment. Errors name the variable, never its value.
func (l Login) Secret(getenv func(string) string) (Secret, error) {
	for _, name := range []string{l.KeyEnv, l.TokenEnv, l.PasswordEnv, l.OAuth.SecretEnv} {
		if name == "" {
			continue
		}
		var text string
		if getenv != nil {
			text = getenv(name)
		}
		if text == "" {
			return Secret{}, fmt.Errorf("the environment has no %s: %w", name, dose.ErrInvalid)
		}
		if name != l.KeyEnv {
			return Secret{text: text}, nil
		}
		key, ok := parseKey(text)
		if !ok {
			return Secret{}, fmt.Errorf("%s holds no RSA private key in PKCS#8, as PEM or base64, without a passphrase: %w", name, dose.ErrInvalid)
		}
		return Secret{key: key}, nil
	}
	return Secret{}, nil
}

func parseKey(text string) (*rsa.PrivateKey, bool) {
	var der []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else {
		text = strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "", "=", "").Replace(text)
		var err error
		if der, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return nil, false
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, false
	}
	k, ok := key.(*rsa.PrivateKey)
	return k, ok
}
