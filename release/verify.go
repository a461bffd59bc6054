package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// Proof is what a check of a folder found. Bad says what is wrong, one
// sentence each; nothing in it: all is as it was signed.
type Proof struct {
	ID        string   `json:"id"`
	LedgerSeq int64    `json:"ledger_seq"`
	Place     string   `json:"place,omitempty"`
	Level     string   `json:"level,omitempty"`
	Files     int      `json:"files"`
	Bytes     int64    `json:"bytes"`
	Bad       []string `json:"bad"`
}

func (p *Proof) bad(format string, args ...any) { p.Bad = append(p.Bad, fmt.Sprintf(format, args...)) }

// VerifyDir proves a copy of a release, or of one place's folder, with nothing
// but its files and public keys: the manifest is signed by one of them, every
// file is there with the bytes that the manifest says, and nothing else is.
// Without keys the signatures are not looked at. The error is for a folder
// that holds no manifest at all.
func VerifyDir(dir string, keys PublicKeys) (*Proof, error) {
	p := &Proof{Bad: []string{}}
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no manifest.json; give the folder of a release, or of one place in it: %w", filepath.Base(dir), dose.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	p.signed(dir, "", text, keys)
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		p.bad("manifest.json can't be read")
		return p, nil
	}
	p.ID, p.LedgerSeq, p.Place, p.Level = m.ID, m.LedgerSeq, m.Place, m.Level
	listed := map[string]bool{manifestName: true, sumsName: true, signatureName: true}
	p.sums(dir, "", &m, text)
	for _, f := range m.Files {
		name := m.local(f.Path)
		listed[name] = true
		p.file(dir, name, f)
		if sub, ok := strings.CutSuffix(name, "/"+manifestName); ok {
			listed[sub+"/"+sumsName], listed[sub+"/"+signatureName] = true, true
			p.place(dir, sub+"/", &m, keys)
		}
	}
	return p, p.others(dir, listed)
}

// file holds a file against its entry.
func (p *Proof) file(dir, name string, f File) {
	p.Files++
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		p.bad("%q leads out of the folder", name)
		return
	}
	n, sum, err := durable.Hash(filepath.Join(dir, filepath.FromSlash(name)))
	p.Bytes += n
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.bad("%s can't be read: it is missing", name)
	case err != nil:
		p.bad("%s can't be read", name)
	case n != f.Bytes:
		p.bad("%s has %d bytes, the manifest says %d", name, n, f.Bytes)
	case sum != f.SHA256:
		p.bad("%s has other bytes than the manifest says", name)
	}
}

// place proves the manifest of a place within a release: its own signature,
// and that it is of this release.
func (p *Proof) place(dir, sub string, root *Manifest, keys PublicKeys) {
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(sub), manifestName))
	if err != nil {
		return // told already
	}
	p.signed(dir, sub, text, keys)
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		p.bad("%s%s can't be read", sub, manifestName)
		return
	}
	if m.ID != root.ID || m.LedgerSeq != root.LedgerSeq || sub != m.Folder() {
		p.bad("%s%s is that of another release or place", sub, manifestName)
	}
	for _, f := range m.Files {
		// A limited data set is not kept: it is made of what is (ADR 0020).
		if in, ok := root.File(f.Path); m.Level == "" && (!ok || in != f) {
			p.bad("%s%s says other things of %s than the release", sub, manifestName, f.Path)
		}
	}
	p.sums(dir, sub, &m, text)
}

// signed proves the signature of the manifest at sub.
func (p *Proof) signed(dir, sub string, text []byte, keys PublicKeys) {
	if len(keys) == 0 {
		return
	}
	signature, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(sub), signatureName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.bad("%s%s is missing: the manifest is not signed", sub, signatureName)
	case err != nil:
		p.bad("%s%s can't be read", sub, signatureName)
	case !keys.Verify(text, signature):
		p.bad("%s%s is not signed by this key: it was edited, or the key is another one", sub, manifestName)
	}
}

// sums holds SHA256SUMS against the manifest. Releases before schema 3 have
// none.
func (p *Proof) sums(dir, sub string, m *Manifest, manifest []byte) {
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(sub), sumsName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if m.Schema > 2 {
			p.bad("%s%s is missing", sub, sumsName)
		}
	case err != nil:
		p.bad("%s%s can't be read", sub, sumsName)
	case string(text) != string(sums(m, manifest)):
		p.bad("%s%s has other bytes than follow from the manifest", sub, sumsName)
	}
}

// others names files that the manifest does not list.
func (p *Proof) others(dir string, listed map[string]bool) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil && !listed[filepath.ToSlash(rel)] {
			p.bad("%s is not in the manifest", filepath.ToSlash(rel))
		}
		return err
	})
}

// Verify proves a release that is kept here, and the gate's record of it. It
// returns what is wrong, one sentence each, and the bytes read.
func (s Store) Verify(id string, keys ...PublicKeys) (bad []string, files int, bytes int64, err error) {
	var known PublicKeys
	for _, k := range keys {
		known = append(known, k...)
	}
	root, err := s.Path(id)
	if err != nil {
		return nil, 0, 0, err
	}
	if _, err := os.Stat(root); err != nil {
		return nil, 0, 0, fmt.Errorf("release %s: %w", id, dose.ErrNotFound)
	}
	p, err := VerifyDir(root, known)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("release %s: %w", id, err)
	}
	if p.ID != id {
		bad = append(bad, fmt.Sprintf("release %s: its manifest is that of another release", id))
	}
	for _, b := range p.Bad {
		bad = append(bad, fmt.Sprintf("release %s: %s", id, b))
	}
	return append(bad, s.checkGate(id, known)...), p.Files, p.Bytes, nil
}

// VerifyLatest says what is wrong with the pointer to the newest approved
// release, "" if nothing is.
func (s Store) VerifyLatest() string {
	id, err := s.Latest()
	if errors.Is(err, dose.ErrNotFound) {
		return ""
	}
	if err == nil {
		var status string
		if status, err = s.Status(id); err == nil && status != Ready {
			err = fmt.Errorf("release %s is %s", id, status)
		}
	}
	if err != nil {
		return fmt.Sprintf("releases/latest does not name an approved release: %v", err)
	}
	return ""
}
