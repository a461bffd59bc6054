package release_test

import (
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

func newKeys(t *testing.T) (release.Keys, *release.Signer) {
	t.Helper()
	k := release.Keys{Dir: filepath.Join(t.TempDir(), "keys")}
	s, err := k.Open(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k, s
}

func public(t *testing.T, k release.Keys) release.PublicKeys {
	t.Helper()
	p, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSameKeySameFiles: with the same key, builds on one and on two workers in
// two data folders are the same files, signatures included.
func TestSameKeySameFiles(t *testing.T) {
	b := mixed(t, 300)
	_, s := newKeys(t)
	_, one := b.build(t, release.Options{Workers: 1, Key: s})
	_, two := b.again(t).build(t, release.Options{Workers: 2, Key: s})
	sameTree(t, one, two)
	if _, err := os.Stat(filepath.Join(one, "counties", "06001", "manifest.json.sig")); err != nil {
		t.Error(err)
	}
}

// TestCopyIsProven: a release and one place of it, by the key and the files
// alone; every kind of change is found and named.
func TestCopyIsProven(t *testing.T) {
	b := small(t)
	k, s := newKeys(t)
	_, root := b.build(t, release.Options{Key: s})
	other, _ := newKeys(t)
	county := filepath.Join(root, "counties", "06001")
	for _, dir := range []string{root, county} {
		p, err := release.VerifyDir(dir, public(t, k))
		if err != nil || len(p.Bad) > 0 || p.Files == 0 || p.Bytes == 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		p, err = release.VerifyDir(dir, public(t, other))
		if err != nil || len(p.Bad) == 0 || !strings.Contains(p.Bad[0], "not signed by this key") {
			t.Errorf("another key: %+v, %v", p, err)
		}
	}
	edit := func(name, from, to string) func() error {
		return func() error {
			path := filepath.Join(county, name)
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
		}
	}
	for name, c := range map[string]struct {
		do   func() error
		says string
	}{
		"manifest edited":   {edit("manifest.json", `"rows": `, `"rows": 1`), "manifest.json is not signed by this key"},
		"signature missing": {func() error { return os.Remove(filepath.Join(county, "manifest.json.sig")) }, "manifest.json.sig is missing"},
		"half copied":       {func() error { return os.Remove(filepath.Join(county, "dose.parquet")) }, "dose.parquet can't be read: it is missing"},
		"sums edited":       {edit("SHA256SUMS", "0", "1"), "SHA256SUMS has other bytes"},
		"manifest escapes":  {edit("manifest.json", "counties/06001/dose.parquet", "../../etc/passwd"), "leads out of the folder"},
		"manifest cut":      {edit("manifest.json", "{", ""), "manifest.json can't be read"},
	} {
		before := tree(t, county)
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		p, err := release.VerifyDir(county, public(t, k))
		if err != nil || !strings.Contains(strings.Join(p.Bad, "\n"), c.says) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		for path, text := range before {
			if err := os.WriteFile(filepath.Join(county, path), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A whole county folder of another release, rightly signed, in this one.
	b.doses(t, "A", 900, 3, "06001")
	_, next := b.build(t, release.Options{Key: s})
	for path, text := range tree(t, filepath.Join(next, "counties", "06001")) {
		if err := os.WriteFile(filepath.Join(county, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := release.VerifyDir(root, public(t, k)); err != nil || !strings.Contains(strings.Join(p.Bad, "\n"), "is that of another release") {
		t.Errorf("a county of another release: %+v, %v", p, err)
	}
	if _, err := release.VerifyDir(t.TempDir(), nil); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestEveryBit: single bits flipped all over a release, its gate's record and
// the keys are each found. Raw payloads and the lake: cmd/dosebook.
func TestEveryBit(t *testing.T) {
	b := small(t)
	k, s := newKeys(t)
	m, root := b.build(t, release.Options{Key: s})
	keys := public(t, k)
	var paths []string
	for path := range tree(t, root) {
		paths = append(paths, filepath.Join(root, path))
	}
	slices.Sort(paths)
	paths = append(paths, root+".gate.json", filepath.Join(k.Dir, "public.json"), filepath.Join(k.Dir, "release.pub"), filepath.Join(k.Dir, "release.ed25519"))
	random := rand.New(rand.NewPCG(7, 1))
	flips := 60
	if !testing.Short() {
		flips = len(paths)
	}
	for i := range flips {
		path := paths[len(paths)-1-i*len(paths)/flips%len(paths)]
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(whole)
		bit := random.IntN(8 * len(bad))
		bad[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		found, _, _, err := b.store.Verify(m.ID, keys)
		if len(found)+len(k.Check()) == 0 && err == nil {
			t.Errorf("%s: bit %d flipped, and nothing is found", filepath.Base(path), bit)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, _, _, err := b.store.Verify(m.ID, keys); err != nil || len(found)+len(k.Check()) > 0 {
		t.Errorf("put back: %v, %v, %v", found, k.Check(), err)
	}
}

// TestKeys: made once, with narrow modes; rotation keeps the old public key; a
// replaced or lost key is said.
func TestKeys(t *testing.T) {
	k, first := newKeys(t)
	for path, mode := range map[string]os.FileMode{k.Dir: 0o700, filepath.Join(k.Dir, "release.ed25519"): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", filepath.Base(path), st.Mode(), err)
		}
	}
	if again, err := k.Open(time.Now()); err != nil || again.ID != first.ID {
		t.Errorf("opened again: %v", err)
	}
	text := []byte("signed before the rotation")
	sig := first.Sign(text)
	if _, err := k.Rotate(time.Now().Add(-time.Hour)); !errors.Is(err, dose.ErrHeld) {
		t.Errorf("with the clock set back: %v", err)
	}
	next, err := k.Rotate(time.Now().Add(time.Hour))
	if err != nil || next.ID == first.ID {
		t.Fatalf("%s, %v", next.ID, err)
	}
	all, err := k.List()
	if err != nil || len(all) != 2 || all[0].Until == nil || all[1].Until != nil || len(k.Check()) > 0 || !public(t, k).Verify(text, sig) {
		t.Errorf("after the rotation: %+v, %v, %v", all, k.Check(), err)
	}
	for form, text := range map[string]string{"PEM": all[0].PEM, "base64": all[0].Public + "\n", "JSON": `{"keys":[{"pem":"` + strings.ReplaceAll(all[0].PEM, "\n", `\n`) + `"}]}`} {
		if p, err := release.ParsePublicKeys([]byte(text)); err != nil || len(p) != 1 || !p.Verify([]byte("signed before the rotation"), sig) || len(p[0]) != ed25519.PublicKeySize {
			t.Errorf("%s: %v", form, err)
		}
	}
	if _, err := release.ParsePublicKeys([]byte("nothing")); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
	foreign, _ := newKeys(t)
	private := filepath.Join(k.Dir, "release.ed25519")
	stolen, err := os.ReadFile(filepath.Join(foreign.Dir, "release.ed25519"))
	if err != nil || os.WriteFile(private, stolen, 0o600) != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(time.Now()); err == nil || !strings.Contains(err.Error(), "was replaced") || len(k.Check()) == 0 {
		t.Errorf("a replaced key: %v, %v", err, k.Check())
	}
	if err := os.Remove(private); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(time.Now()); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("a lost key: %v", err)
	}
	if _, err := k.Rotate(time.Now().Add(2 * time.Hour)); err != nil || len(k.Check()) > 0 {
		t.Errorf("after a loss: %v, %v", err, k.Check())
	}
}
