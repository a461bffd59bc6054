package snowflake

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Config says which account, and who signs in. It holds names of environment
// variables, never a secret.
type Config struct {
	Account   string `yaml:"account"` // ORG-ACCOUNT
	User      string `yaml:"user"`
	Role      string `yaml:"role"`      // the loader's: it must see all rows (docs/SNOWFLAKE.md)
	Warehouse string `yaml:"warehouse"` // that pays for loads
	Database  string `yaml:"database"`
	Schema    string `yaml:"schema"` // of the tables; empty: CORE

	// One of these.
	KeyEnv   string `yaml:"key_env"`   // private key, PKCS#8: PEM, or base64 of DER
	TokenEnv string `yaml:"token_env"` // programmatic access token
	OAuth    OAuth  `yaml:"oauth"`

	Timeout time.Duration `yaml:"timeout"` // of a statement; empty: 15m
	SignIn  time.Duration `yaml:"sign_in"` // until the account counts as away; empty: 30s

	Govern Govern `yaml:"govern,omitempty"` // docs/SNOWFLAKE.md, the account

	// For an emulator or a private link.
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	Protocol string `yaml:"protocol"` // http on this machine only

	params map[string]string // a test's: more settings of the session
}

// OAuth is the client credentials grant.
type OAuth struct {
	ClientID  string `yaml:"client_id"`
	SecretEnv string `yaml:"secret_env"`
	TokenURL  string `yaml:"token_url"`
	Scope     string `yaml:"scope"`
}

const (
	defaultTimeout = 15 * time.Minute
	defaultSignIn  = 30 * time.Second
)

var (
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)
	account    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
)

// Set says whether the configuration names an account at all.
func (c Config) Set() bool { return c.Account != "" }

// Check tells every mistake. The error is of kind dose.ErrInvalid.
func (c Config) Check() error {
	var all []error
	no := func(bad bool, text string, args ...any) {
		if bad {
			all = append(all, fmt.Errorf("snowflake: "+text+": %w", append(args, dose.ErrInvalid)...))
		}
	}
	no(!account.MatchString(c.Account), "account is the account's identifier, such as ORG-ACCOUNT")
	no(c.User == "" && c.OAuth.ClientID == "", "user is missing")
	for _, f := range []struct{ name, value string }{{"role", c.Role}, {"warehouse", c.Warehouse}, {"database", c.Database}, {"schema", c.Schema}} {
		no(f.value != "" && !identifier.MatchString(f.value) || f.value == "" && f.name != "schema", "%s is missing, or is no plain name", f.name)
	}
	ways := 0
	for _, set := range []bool{c.KeyEnv != "", c.TokenEnv != "", c.OAuth != OAuth{}} {
		if set {
			ways++
		}
	}
	no(ways != 1, "give one of key_env, token_env and oauth")
	no(c.OAuth != OAuth{} && (c.OAuth.ClientID == "" || c.OAuth.SecretEnv == "" || !strings.HasPrefix(c.OAuth.TokenURL, "https://")),
		"oauth has client_id, secret_env and token_url, which begins with https://")
	no(c.Timeout < 0 || c.SignIn < 0, "timeout and sign_in are not negative")
	no(c.Protocol != "" && c.Protocol != "https" && !(c.Protocol == "http" && loopback(c.Host)), "protocol is https, or http for a host on this machine")
	return errors.Join(append(all, c.Govern.check())...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// credentials are what the environment holds.
type credentials struct {
	key    *rsa.PrivateKey
	secret string // token or client secret
}

func (c Config) credentials(getenv func(string) string) (credentials, error) {
	for _, name := range []string{c.KeyEnv, c.TokenEnv, c.OAuth.SecretEnv} {
		if name == "" {
			continue
		}
		text := getenv(name)
		if text == "" {
			return credentials{}, fmt.Errorf("snowflake: the environment has no %s: %w", name, dose.ErrInvalid)
		}
		if name != c.KeyEnv {
			return credentials{secret: text}, nil
		}
		key, ok := parseKey(text)
		if !ok {
			return credentials{}, fmt.Errorf("snowflake: %s holds no RSA private key in PKCS#8, as PEM or base64, without a passphrase: %w", name, dose.ErrInvalid)
		}
		return credentials{key: key}, nil
	}
	return credentials{}, nil
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
