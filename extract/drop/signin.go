package drop

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/dosebook/dosebook/dose"
)

// clientConfig reads keys and secrets anew for each connection, so that a
// changed password needs no restart.
func (s *Source) clientConfig() (*ssh.ClientConfig, error) {
	c := s.c.SFTP
	check, algorithms, err := hostKeys(c)
	if err != nil {
		return nil, err
	}
	auth, err := s.auth()
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{User: c.User, Auth: auth, HostKeyCallback: check, HostKeyAlgorithms: algorithms, Timeout: dialTimeout}, nil
}

// auth lists the ways to sign in: the key, then the password.
func (s *Source) auth() ([]ssh.AuthMethod, error) {
	c := s.c.SFTP
	var out []ssh.AuthMethod
	if c.KeyFile != "" {
		key, err := s.key()
		if err != nil {
			return nil, err
		}
		out = append(out, ssh.PublicKeys(key))
	}
	if c.PasswordEnv != "" {
		password := s.o.Getenv(c.PasswordEnv)
		if password == "" {
			return nil, fmt.Errorf("the environment variable %s (sftp.password_env) is not set: %w", c.PasswordEnv, dose.ErrDenied)
		}
		out = append(out, ssh.Password(password), ssh.KeyboardInteractive(answer(password)))
	}
	return out, nil
}

// answer gives the password to a server that asks for it by keyboard: to one
// hidden question, once. Other questions get no secret.
func answer(password string) ssh.KeyboardInteractiveChallenge {
	asked := false
	return func(_, _ string, questions []string, echos []bool) ([]string, error) {
		if len(questions) == 0 {
			return nil, nil
		}
		if asked || len(questions) != 1 || echos[0] {
			return nil, fmt.Errorf("the server asks for more than a password, as for a code: ask its owner for a way to sign in by key: %w", dose.ErrDenied)
		}
		asked = true
		return []string{password}, nil
	}
}

func (s *Source) key() (ssh.Signer, error) {
	c := s.c.SFTP
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("sftp.key_file: %w: %w", err, dose.ErrDenied)
	}
	var key ssh.Signer
	if c.KeyEnv == "" {
		key, err = ssh.ParsePrivateKey(text)
	} else {
		key, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(s.o.Getenv(c.KeyEnv)))
	}
	if errors.As(err, new(*ssh.PassphraseMissingError)) {
		return nil, fmt.Errorf("sftp.key_file has a passphrase: name the variable that holds it in sftp.key_env: %w", dose.ErrDenied)
	}
	if err != nil { // its text may quote the file, so it is left out
		return nil, fmt.Errorf("sftp.key_file is no private key, or its passphrase (sftp.key_env) is another one: %w", dose.ErrDenied)
	}
	return key, nil
}

// hostKeys returns the check of the server's key, and the kinds of key that
// known_hosts has for it: asked for any other kind, an honest server would
// look like a changed one.
func hostKeys(c *SFTP) (ssh.HostKeyCallback, []string, error) {
	text, err := os.ReadFile(c.KnownHosts)
	if err != nil {
		return nil, nil, fmt.Errorf("sftp.known_hosts: %w: %w", err, dose.ErrInvalid)
	}
	check, err := knownhosts.New(c.KnownHosts)
	if err != nil {
		return nil, nil, fmt.Errorf("sftp.known_hosts: %w: %w", err, dose.ErrInvalid)
	}
	var known *knownhosts.KeyError
	if err := check(c.address(), &net.TCPAddr{}, noKey{}); !errors.As(err, &known) || len(known.Want) == 0 {
		return nil, nil, fmt.Errorf("%s has no key for %s: ask its owner for the fingerprint, fetch the key with ssh-keyscan, compare, then add its line: %w",
			c.KnownHosts, knownhosts.Normalize(c.address()), dose.ErrDenied)
	}
	var plain []string
	for _, k := range known.Want {
		kinds := []string{k.Key.Type()}
		if k.Key.Type() == ssh.KeyAlgoRSA {
			kinds = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, kind := range kinds {
			if !slices.Contains(plain, kind) {
				plain = append(plain, kind)
			}
		}
	}
	if bytes.Contains(text, []byte("@cert-authority")) {
		return check, append(slices.Clone(certificates), plain...), nil
	}
	return check, plain, nil
}

var certificates = []string{ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01}

// noKey is a key that no one has: asking for it tells which ones are known.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// signInError says what to do about a connection that did not come about.
func (s *server) signInError(err error) error {
	var other *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	text := err.Error()
	switch {
	case errors.As(err, &other):
		where := ""
		if len(other.Want) > 0 {
			where = fmt.Sprintf(" (line %d of %s)", other.Want[0].Line, other.Want[0].Filename)
		}
		return fmt.Errorf("the server's key is not the known one%s: it was set up anew, or somebody stands in between. Nothing was sent. Ask its owner for the new fingerprint, and replace the line only if it is the same: %w", where, dose.ErrDenied)
	case errors.As(err, &revoked):
		return fmt.Errorf("the server's key is revoked in known_hosts: %w", dose.ErrDenied)
	case errors.Is(err, dose.ErrDenied):
		return err
	// The library has no kinds for these. Message 51 is a refusal (RFC 4252,
	// section 6) that comes at once where a keyboard's question was awaited.
	case strings.Contains(text, "unable to authenticate"), strings.Contains(text, "unexpected message type 51"), strings.Contains(text, "Too many authentication failures"):
		return fmt.Errorf("the server refused user, key or password: check sftp.user and its secrets, and ask the owner whether the key is installed: %w", dose.ErrDenied)
	case strings.Contains(text, "no common algorithm for host key"):
		return fmt.Errorf("the server has none of the kinds of key that known_hosts has for it: ask its owner for the key and its fingerprint: %w", dose.ErrDenied)
	}
	return fmt.Errorf("connect: %w", s.failure(err))
}
