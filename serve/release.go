package serve

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

const base = "/api/v1/releases"

// decide asks for the one decision, and notes a refusal.
func (s *server) decide(r *http.Request, p access.Principal, a access.Action, res access.Resource, e access.Entry) (access.Scope, error) {
	scope, err := access.Decide(p, a, res, s.Now())
	if err == nil {
		return scope, nil
	}
	e.User, e.Token, e.Session, e.Remote, e.Outcome = p.User, p.Token, p.Session, remote(r), "denied"
	if noted := s.Access.Audit(r.Context(), clip(ours(e))); noted != nil {
		s.Log.Error("a refusal could not be noted", "err", noted.Error())
	}
	return scope, err
}

// note puts what is about to be sent into the audit. After an error nothing
// may be sent.
func (s *server) note(r *http.Request, p access.Principal, e access.Entry) error {
	e.User, e.Token, e.Session, e.Remote, e.Outcome = p.User, p.Token, p.Session, remote(r), "allowed"
	if r.Method == http.MethodHead {
		e.Action = "head"
	}
	e.Purpose = p.Purpose(e.Grant)
	e = clip(e)
	seq, err := s.Access.Begin(r.Context(), e)
	if err == nil {
		allowed(r, seq, e)
	}
	return err
}

// ours takes out of a refusal what the caller wrote and we do not know: the
// audit holds names of files and releases, and nothing that somebody typed
// into an address.
func ours(e access.Entry) access.Entry {
	if e.Release != "" && e.Release != "latest" && !release.IsID(e.Release) {
		e.Release = "unknown"
	}
	name, since, has := strings.Cut(e.File, "?since=")
	if has && !release.IsID(since) || name != "" && !ourFile(path.Base(name)) {
		e.File = "unknown"
	}
	return e
}

// ourFile says whether there are files of this name.
func ourFile(name string) bool {
	table, format, dot := strings.Cut(name, ".")
	_, state := stateLevels[table]
	_, proof := proofs[name]
	is := state || slices.Contains(release.Tables(), table) || table == "changes" || slices.Contains(pageFiles, table)
	_, figures := countyTables[strings.TrimSuffix(name, ".csv")]
	figures = figures || slices.Contains(overviewTables, name) || slices.Contains(qualityTables, name)
	return proof || name == database || figures || is && (!dot || mediaTypes[format] != "")
}

// pageFiles are what the pages for people are called in the audit.
var pageFiles = []string{"access", "county", "overview", "quality", "releases", "release", "rows"}

// clip bounds what a caller can write into the audit.
func clip(e access.Entry) access.Entry {
	e.Release, e.File = e.Release[:min(len(e.Release), 64)], e.File[:min(len(e.File), 64)]
	return e
}

// released refuses a release that the gate holds to all but those who decide
// on it.
func (s *server) released(p access.Principal, id string) error {
	status, err := s.Releases.Status(id)
	if err != nil {
		return err
	}
	if s.shown(p, id, status) {
		return nil
	}
	return fmt.Errorf("release %s is %s and not yet approved; read %s/latest, or ask the data steward: %w", id, status, base, dose.ErrHeld)
}

func (s *server) shown(p access.Principal, id, status string) bool {
	if status == release.Ready {
		return true
	}
	if latest, err := s.Releases.Latest(); err == nil && latest == id {
		return true
	}
	_, err := access.Decide(p, access.Read, access.Resource{Kind: access.StateFiles, Level: built}, s.Now())
	return err == nil
}

// latest sends to the same address under the newest approved release.
func (s *server) latest(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	if _, err := s.decide(r, p, access.List, access.Resource{Kind: access.Releases}, access.Entry{Action: "list", Release: "latest"}); err != nil {
		return err
	}
	id, err := s.Releases.Latest()
	if err != nil {
		return err
	}
	id = strings.TrimSpace(id)
	if _, err := s.Releases.Manifest(id); err != nil {
		return err
	}
	to := *r.URL
	to.Path, to.RawPath = base+"/"+id+strings.TrimPrefix(r.URL.Path, base+"/latest"), ""
	http.Redirect(w, r, to.RequestURI(), http.StatusSeeOther)
	return nil
}

// entry of a release in answers.
type releaseInfo struct {
	ID        string         `json:"id"`
	LedgerSeq int64          `json:"ledger_seq"`
	Status    string         `json:"status"`
	Latest    bool           `json:"latest"`
	URL       string         `json:"url"`
	Files     []release.File `json:"files"`
}

// view is what of a release p may see.
func (s *server) view(p access.Principal, m *release.Manifest, latest string) releaseInfo {
	info := releaseInfo{ID: m.ID, LedgerSeq: m.LedgerSeq, Status: m.Status, Latest: m.ID == latest, URL: base + "/" + m.ID, Files: []release.File{}}
	places := access.Visible(p, built, s.Now())
	for _, f := range m.Files {
		if s.maySee(p, places, f.Path) {
			info.Files = append(info.Files, f)
		}
	}
	return info
}

// maySee says whether the file at a manifest's path is p's: a place's file
// by the place, all else as the state's.
func (s *server) maySee(p access.Principal, places []dose.Place, file string) bool {
	parts := strings.Split(file, "/")
	if len(parts) == 3 && parts[0] == "counties" {
		return slices.Contains(places, dose.Place(parts[1]))
	}
	if len(parts) == 3 && parts[0] == dose.Limited.String() {
		_, err := access.Decide(p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: dose.Place(parts[1]), Level: dose.Limited}, s.Now())
		return err == nil
	}
	level, known := stateLevels[strings.TrimSuffix(file, path.Ext(file))]
	if !known {
		level = built
	}
	_, err := access.Decide(p, access.Read, access.Resource{Kind: access.StateFiles, Level: level}, s.Now())
	return err == nil
}

// listReleases answers newest first.
func (s *server) listReleases(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	scope, err := s.decide(r, p, access.List, access.Resource{Kind: access.Releases}, access.Entry{Action: "list"})
	if err != nil {
		return err
	}
	ids, err := s.Releases.List()
	if err != nil {
		return err
	}
	latest, err := s.Releases.Latest()
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return err
	}
	out := []releaseInfo{}
	for _, id := range slices.Backward(ids) {
		m, err := s.Releases.Manifest(id)
		if errors.Is(err, dose.ErrNotFound) || errors.Is(err, dose.ErrGone) {
			continue // removed since, or never finished
		}
		if err != nil {
			return err
		}
		if s.shown(p, m.ID, m.Status) {
			out = append(out, s.view(p, m, strings.TrimSpace(latest)))
		}
	}
	if err := s.note(r, p, access.Entry{Action: "list", Grant: scope.Grant}); err != nil {
		return err
	}
	return writeJSON(w, r, map[string]any{"releases": out})
}

func (s *server) showRelease(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	id := r.PathValue("id")
	scope, err := s.decide(r, p, access.List, access.Resource{Kind: access.Releases}, access.Entry{Action: "list", Release: id})
	if err != nil {
		return err
	}
	m, err := s.Releases.Manifest(id)
	if err != nil {
		return err
	}
	if err := s.released(p, id); err != nil {
		return err
	}
	latest, err := s.Releases.Latest()
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return err
	}
	if err := s.note(r, p, access.Entry{Action: "list", Release: id, Grant: scope.Grant}); err != nil {
		return err
	}
	return writeJSON(w, r, s.view(p, m, strings.TrimSpace(latest)))
}

// proofs are what a place has beside its tables: the manifest, its signature,
// and its sums for plain tools.
var proofs = map[string]string{"manifest.json": "application/json", "manifest.json.sig": "application/octet-stream", "SHA256SUMS": "text/plain; charset=utf-8"}

// proof sends the root manifest, or what goes with it, to the state, and the
// place's own to who is at home in one place.
func (s *server) proof(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	e := access.Entry{Action: "read", Release: r.PathValue("id"), File: path.Base(r.URL.Path)}
	root := access.Resource{Kind: access.StateFiles, Level: dose.Deidentified} // names and counts of files, no person
	place, home := access.Home(p, built, s.Now())
	if home {
		return s.sendPlaceManifest(w, r, p, e, place)
	}
	scope, err := s.decide(r, p, access.Read, root, e)
	if err != nil {
		return err
	}
	e.Grant = scope.Grant
	return s.sendManifest(w, r, p, e)
}

func (s *server) placeProof(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	place, err := dose.ParsePlace(r.PathValue("fips"))
	if err != nil {
		return err
	}
	return s.sendPlaceManifest(w, r, p, access.Entry{Action: "read", Release: r.PathValue("id"), File: path.Base(r.URL.Path)}, place)
}

func (s *server) sendPlaceManifest(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, place dose.Place) error {
	e.Place = string(place)
	scope, err := s.decide(r, p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: built}, e)
	if err != nil {
		return err
	}
	if err := s.released(p, e.Release); err != nil {
		return err
	}
	e.Grant = scope.Grant
	return s.sendManifest(w, r, p, e, "counties", string(place))
}

func (s *server) sendManifest(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, dir ...string) error {
	file, err := s.Releases.Path(e.Release, append(dir, e.File)...)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.released(p, e.Release); err != nil { // it may have ended
			return err
		}
		return fmt.Errorf("release %s has no such %s: %w", e.Release, e.File, dose.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return s.sendBytes(w, r, p, e, proofs[e.File], text)
}

func hashed(text []byte) release.File {
	sum := sha256.Sum256(text)
	return release.File{Path: "manifest.json", Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
}

func writeJSON(w http.ResponseWriter, r *http.Request, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodHead {
		return nil
	}
	_, _ = w.Write(append(text, '\n')) // the client may have gone
	return nil
}
