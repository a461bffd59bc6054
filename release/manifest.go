package release

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// The statuses a build can end in.
const (
	Ready  = "ready"
	Held   = "held"
	Failed = "failed"
)

// File is one file of a release. Path is relative to the release's folder,
// with forward slashes.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Rows   int64  `json:"rows"`
}

// Feed is what a release holds of one registry, and how fresh it is.
type Feed struct {
	Registry string `json:"registry"`
	Newest   string `json:"newest"` // the latest source time, RFC 3339
	LastSeq  int64  `json:"last_seq"`
	Payloads int64  `json:"payloads"`
	Records  int64  `json:"records"`
	Rejects  int64  `json:"rejects"`
}

// Manifest is manifest.json. The root manifest lists every file of the
// release, the places' manifests included; the manifest of a place lists that
// place's files, and the one of its limited data set what is made of these
// when somebody asks (ADR 0020). It holds no time of building and no judgement of the gate:
// the same ledger position gives the same bytes (ADR 0011). Status is told
// where a manifest is printed, and read from the gate's record.
type Manifest struct {
	ID        string `json:"id"`
	LedgerSeq int64  `json:"ledger_seq"`
	Schema    int    `json:"schema"`          // version of the columns
	Place     string `json:"place,omitempty"` // county or jurisdiction; empty in the root
	Level     string `json:"level,omitempty"` // of the files; empty: identified
	Status    string `json:"status,omitempty"`
	Feeds     []Feed `json:"feeds,omitempty"`
	Files     []File `json:"files"`
}

// File returns the manifest's entry for path.
func (m *Manifest) File(path string) (File, bool) {
	i := slices.IndexFunc(m.Files, func(f File) bool { return f.Path == path })
	if i < 0 {
		return File{}, false
	}
	return m.Files[i], true
}

// Store is the releases folder of a data directory, for readers:
//
//	releases/<id>/manifest.json
//	releases/<id>/county_day.parquet, county_demographic_day.parquet, segment.parquet, reject.parquet
//	releases/<id>/counties/<place>/{dose_event,dose,recipient}.parquet, manifest.json
//	releases/<id>/limited/<place>/manifest.json     of files that are made when asked
//	releases/<id>/…/manifest.json.sig, SHA256SUMS     beside each manifest
//	releases/<id>.gate.json     what the gate and the stewards decided
//	releases/latest     the id of the newest approved release
//
// Everything under an id is immutable. Readers need no lock.
type Store struct{ Dir string }

var idForm = regexp.MustCompile(`^[0-9]{6,}-[0-9a-f]{8}$`)

// IsID says whether a text has the form of a release's id.
func IsID(id string) bool { return idForm.MatchString(id) }

// Latest returns the id of the newest approved release, or dose.ErrNotFound.
func (s Store) Latest() (string, error) {
	b, err := os.ReadFile(filepath.Join(s.Dir, "latest"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no approved release yet; run 'dosebook release build': %w", dose.ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("latest release: %w", err)
	}
	return string(b), nil
}

// List returns the ids of all releases that are there, oldest first.
func (s Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if !e.IsDir() || !idForm.MatchString(e.Name()) {
			continue
		}
		if g, err := s.Gate(e.Name()); err == nil && g.Pruned != nil {
			continue // its removal was cut short; the next one ends it
		}
		ids = append(ids, e.Name())
	}
	return ids, nil
}

// Path returns the path of a file of a release on disk. It refuses ids that
// are none; name must come from a manifest or from this package, never from a
// request.
func (s Store) Path(id string, name ...string) (string, error) {
	if !idForm.MatchString(id) {
		return "", fmt.Errorf("there is no such release; ids look like 000042-0123abcd, and the list of releases has them: %w", dose.ErrNotFound)
	}
	return filepath.Join(append([]string{s.Dir, id}, name...)...), nil
}

// Manifest reads the root manifest of a release.
func (s Store) Manifest(id string) (*Manifest, error) { return s.read(id, "manifest.json") }

// PlaceManifest reads the manifest of one place in a release.
func (s Store) PlaceManifest(id string, place dose.Place) (*Manifest, error) {
	return s.read(id, "counties", string(place), "manifest.json")
}

func (s Store) read(id string, name ...string) (*Manifest, error) {
	path, err := s.Path(id, name...)
	if err != nil {
		return nil, err
	}
	g, err := s.Gate(id)
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return nil, err
	}
	if g != nil && g.Pruned != nil {
		return nil, g.gone()
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("release %s has no %s: %w", id, filepath.Join(name...), dose.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest of %s: %w", id, err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("manifest of %s is damaged: %w", id, err)
	}
	m.Status = cmp.Or(g.status(), m.Status, Held)
	return &m, nil
}

// ViewFiles returns the files behind each view of a release, for the text
// queries/release_views.sql: the 58 counties and those outside, each event
// once. The city jurisdictions' rows are their counties' too.
func ViewFiles(root string) map[string][]string {
	files := map[string][]string{}
	for _, t := range []string{"county_day", "county_demographic_day", "segment", "reject"} {
		files[t] = []string{filepath.Join(root, t+".parquet")}
	}
	for _, p := range dose.Places() {
		if _, county := dose.CountyByFIPS(string(p)); !county && p != dose.OutOfState && p != dose.UnknownCounty {
			continue
		}
		for _, t := range []string{"dose_event", "dose", "recipient"} {
			files[t] = append(files[t], filepath.Join(root, "counties", string(p), t+".parquet"))
		}
	}
	return files
}
