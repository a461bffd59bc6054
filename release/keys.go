package release

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// Key is the public part of a key that signs or has signed releases (Ed25519,
// RFC 8032). ID is the first 16 hex digits of its SHA-256.
type Key struct {
	ID     string     `json:"id"`
	Public string     `json:"public"` // base64 of the 32 bytes
	PEM    string     `json:"pem"`    // the same, for openssl
	From   time.Time  `json:"from"`
	Until  *time.Time `json:"until,omitempty"` // when another took its place
}

// PublicKeys are keys that a signature may be of.
type PublicKeys []ed25519.PublicKey

// Verify says whether the signature is one of the keys'.
func (k PublicKeys) Verify(text, signature []byte) bool {
	return slices.ContainsFunc(k, func(p ed25519.PublicKey) bool { return ed25519.Verify(p, text, signature) })
}

// Signer signs with the key in force.
type Signer struct {
	ID  string
	key ed25519.PrivateKey
}

// Sign returns the 64 bytes of an Ed25519 signature: the same for the same
// text and key.
func (s *Signer) Sign(text []byte) []byte { return ed25519.Sign(s.key, text) }

// Keys is the keys folder of a data directory:
//
//	keys/release.ed25519   the key in force, PKCS #8 PEM, mode 0600
//	keys/release.pub       its public part, PEM
//	keys/public.json       every public key there was, with dates
//
// The folder has mode 0700. A private key never leaves it.
type Keys struct{ Dir string }

func (k Keys) private() string { return filepath.Join(k.Dir, "release.ed25519") }
func (k Keys) list() string    { return filepath.Join(k.Dir, "public.json") }

// Open returns the signer, making the key on the first run. The caller holds
// the lease.
func (k Keys) Open(now time.Time) (*Signer, error) {
	s, err := k.signer()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(k.list()); err == nil {
			return nil, fmt.Errorf("keys/release.ed25519 is gone; restore it, or make a new key with 'dosebook release key rotate': %w", dose.ErrNotFound)
		}
		return k.make(nil, now)
	case err != nil:
		return nil, err
	}
	known, err := k.List()
	if errors.Is(err, dose.ErrNotFound) { // the first run was cut short
		return s, k.write([]Key{publicKey(s, now)}, s)
	}
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(known, func(x Key) bool { return x.ID == s.ID }) {
		return nil, fmt.Errorf("keys/release.ed25519 is key %s, which keys/public.json does not know: the key was replaced; restore it, or make a new one with 'dosebook release key rotate': %w", s.ID, dose.ErrInvalid)
	}
	return s, nil
}

// Rotate makes a new key. The old public ones stay, so that what they signed
// can be verified. The caller holds the lease.
func (k Keys) Rotate(now time.Time) (Key, error) {
	known, err := k.List()
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return Key{}, err
	}
	for i := range known {
		if known[i].From.After(now) {
			return Key{}, fmt.Errorf("key %s is from %s, and the clock says %s: set the clock: %w", known[i].ID,
				known[i].From.Format(time.RFC3339), now.UTC().Format(time.RFC3339), dose.ErrHeld)
		}
		if known[i].Until == nil {
			at := now.UTC().Truncate(time.Second)
			known[i].Until = &at
		}
	}
	s, err := k.make(known, now)
	if err != nil {
		return Key{}, err
	}
	return publicKey(s, now), nil
}

// make makes a key that comes after those known. The order of writing: the
// first key before the list, later ones after it, so that after a fault the
// key there is stands in the list, or there is none.
func (k Keys) make(known []Key, now time.Time) (*Signer, error) {
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := durable.Sweep(k.Dir); err != nil {
		return nil, err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	s := newSigner(private)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	all := append(known, publicKey(s, now))
	first, second := func() error { return durable.WriteFile(k.private(), text) }, func() error { return k.write(all, s) }
	if len(known) > 0 {
		first, second = second, first
	}
	if err := first(); err != nil {
		return nil, err
	}
	return s, second()
}

// write writes the list, sealed by the key in force, and its public part.
func (k Keys) write(all []Key, s *Signer) error {
	text, err := seal(all, s)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(k.list(), text); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(k.Dir, "release.pub"), []byte(all[len(all)-1].PEM))
}

func newSigner(key ed25519.PrivateKey) *Signer {
	return &Signer{ID: keyID(key.Public().(ed25519.PublicKey)), key: key}
}

func keyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])[:16]
}

func publicKey(s *Signer, now time.Time) Key {
	public := s.key.Public().(ed25519.PublicKey)
	return Key{ID: s.ID, Public: base64.StdEncoding.EncodeToString(public), PEM: publicPEM(public), From: now.UTC().Truncate(time.Second)}
}

func publicPEM(public ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// signer reads the private key. It never says what is in the file.
func (k Keys) signer() (*Signer, error) {
	text, err := os.ReadFile(k.private())
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	damaged := fmt.Errorf("keys/release.ed25519 is damaged; restore it: %w", dose.ErrInvalid)
	block, _ := pem.Decode(text)
	if block == nil || !bytes.Equal(pem.EncodeToMemory(block), text) {
		return nil, damaged
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, damaged
	}
	return newSigner(key), nil
}

// List returns every public key, oldest first. Without any the error is of
// kind dose.ErrNotFound.
func (k Keys) List() ([]Key, error) {
	text, err := os.ReadFile(k.list())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no key yet; the first release makes one: %w", dose.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("public keys: %w", err)
	}
	var all []Key
	if err := unseal(text, &all); err != nil {
		return nil, fmt.Errorf("keys/public.json is damaged; restore it: %w", dose.ErrInvalid)
	}
	return all, nil
}

// Public returns the public keys for checking.
func (k Keys) Public() (PublicKeys, error) {
	all, err := k.List()
	if err != nil {
		return nil, err
	}
	var out PublicKeys
	for _, x := range all {
		p, err := ParsePublicKeys([]byte(x.PEM))
		if err != nil {
			return nil, err
		}
		out = append(out, p...)
	}
	return out, nil
}

// Check returns what is wrong with the keys folder, one sentence each.
func (k Keys) Check() (bad []string) {
	public, err := k.Public()
	if errors.Is(err, dose.ErrNotFound) {
		if _, err := k.signer(); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return []string{"keys/public.json is missing"}
		}
		return nil
	}
	if err != nil {
		return []string{err.Error()}
	}
	s, err := k.signer()
	if err != nil {
		bad = append(bad, err.Error())
	} else if !slices.ContainsFunc(public, func(p ed25519.PublicKey) bool { return keyID(p) == s.ID }) {
		bad = append(bad, "keys/release.ed25519 was replaced: keys/public.json does not know it")
	}
	if text, err := os.ReadFile(k.list()); err != nil || checkSeal(text, public) != nil {
		bad = append(bad, "keys/public.json has other bytes than were written")
	}
	text, err := os.ReadFile(filepath.Join(k.Dir, "release.pub"))
	if err != nil || string(text) != publicPEM(public[len(public)-1]) {
		bad = append(bad, "keys/release.pub is not the newest key of keys/public.json")
	}
	return bad
}

// ParsePublicKeys reads one or more public keys: PEM, base64 of 32 bytes, or
// what GET /api/v1/keys answers.
func ParsePublicKeys(text []byte) (out PublicKeys, err error) {
	rest := strings.NewReplacer(`\n`, "\n", `"`, "\n").Replace(string(text)) // PEM within JSON
	for block, more := pem.Decode([]byte(rest)); block != nil; block, more = pem.Decode(more) {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("a public key is not Ed25519: %w", dose.ErrInvalid)
		}
		out = append(out, key)
	}
	if len(out) == 0 {
		for _, word := range strings.Fields(string(text)) {
			if b, err := base64.StdEncoding.DecodeString(word); err == nil && len(b) == ed25519.PublicKeySize {
				out = append(out, b)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("this holds no public key; give keys/release.pub, or what /api/v1/keys answers: %w", dose.ErrInvalid)
	}
	return out, nil
}
