package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// What stands beside a manifest.json. The signature is 64 raw bytes, as
// openssl reads it; the sums are for sha256sum -c.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.json.sig"
	sumsName      = "SHA256SUMS"
)

// writeManifest writes a manifest, its sums and its signature into the
// folder, at sub, and returns its entry for the root manifest.
func writeManifest(dir, sub string, m *Manifest, key *Signer) (File, error) {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return File{}, err
	}
	text = append(text, '\n')
	sum := sha256.Sum256(text)
	f := File{Path: sub + manifestName, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
	at := filepath.Join(dir, filepath.FromSlash(sub))
	if err := durable.WriteFile(filepath.Join(at, manifestName), text); err != nil {
		return f, err
	}
	if err := durable.WriteFile(filepath.Join(at, sumsName), sums(m, text)); err != nil || key == nil {
		return f, err
	}
	return f, durable.WriteFile(filepath.Join(at, signatureName), key.Sign(text))
}

// sums is SHA256SUMS for the folder of a manifest. It follows from the
// manifest alone, so that it needs no signature of its own.
func sums(m *Manifest, manifest []byte) []byte {
	var b strings.Builder
	sum := sha256.Sum256(manifest)
	fmt.Fprintf(&b, "%x  %s\n", sum, manifestName)
	for _, f := range m.Files {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, m.local(f.Path))
	}
	return []byte(b.String())
}

// local is a listed path relative to the manifest's own folder: files of a
// place are listed by their path in the release.
func (m *Manifest) local(path string) string {
	return strings.TrimPrefix(path, m.Folder())
}

// Folder is where a manifest stands in its release, with a slash at the end;
// empty for the root. It begins the paths that a place's manifest lists.
func (m *Manifest) Folder() string {
	switch {
	case m.Place == "":
		return ""
	case m.Level == dose.Limited.String():
		return limitedFolder + "/" + m.Place + "/"
	}
	return "counties/" + m.Place + "/"
}

// feedsOf says what the segments hold of each registry, by name.
func feedsOf(segments []Segment) []Feed {
	at := map[string]*Feed{}
	newest := map[string]int64{}
	for _, s := range segments {
		f := at[s.Registry]
		if f == nil {
			f = &Feed{Registry: s.Registry}
			at[s.Registry] = f
		}
		f.LastSeq = max(f.LastSeq, s.Seq)
		f.Payloads++
		f.Records += s.Records
		f.Rejects += s.Rejects
		newest[s.Registry] = max(newest[s.Registry], s.SourceTime)
		f.Newest = time.UnixMicro(newest[s.Registry]).UTC().Format(time.RFC3339)
	}
	out := make([]Feed, 0, len(at))
	for _, f := range at {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Feed) int { return cmp.Compare(a.Registry, b.Registry) })
	return out
}
