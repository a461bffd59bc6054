package serve

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// mediaTypes lists the formats there are. A release holds Parquet, the others
// are made from it when asked.
var mediaTypes = map[string]string{
	"parquet": "application/vnd.apache.parquet",
	"csv":     "text/csv; charset=utf-8",
	"csv.gz":  "application/gzip",
	"ndjson":  "application/x-ndjson",
	"xlsx":    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// duckdbType is the media type of the DuckDB file of a place.
const duckdbType = "application/vnd.duckdb.file"

// stateLevels lists the tables of the whole release, with the level of what
// they hold: counts, or rows as received.
var stateLevels = map[string]dose.Level{"county_day": dose.Deidentified, "county_demographic_day": dose.Deidentified, "segment": dose.Deidentified, "reject": dose.Identified}

// built is the level that the files of places are built at.
const built = dose.Identified

// placeFile sends a place's file: who, which place, may they, is there such
// a file, note it, then the bytes.
func (s *server) placeFile(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	place, err := dose.ParsePlace(r.PathValue("fips"))
	if err != nil {
		return err
	}
	id, name := r.PathValue("id"), r.PathValue("file")
	entry := access.Entry{Action: "read", Release: id, Place: string(place), File: name}
	scope, err := s.decide(r, p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: built}, entry)
	if err != nil {
		return s.atLevel(r, p, place, err)
	}
	table, format, ok := s.tableFile(name)
	if !ok {
		return errNoTable
	}
	if err := s.released(p, id); err != nil {
		return err
	}
	m, err := s.Releases.PlaceManifest(id, place)
	if err != nil {
		return err
	}
	entry.Grant = scope.Grant
	if format == "duckdb" {
		return s.sendLevel(w, r, p, m, entry, built)
	}
	return s.download(w, r, p, m, entry, path.Join("counties", string(place), table), format)
}

// stateFile sends a table of the whole release.
func (s *server) stateFile(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	id, name := r.PathValue("id"), r.PathValue("file")
	table, format, _ := strings.Cut(name, ".")
	level, known := stateLevels[table]
	if !known || mediaTypes[format] == "" {
		return fmt.Errorf("there is no such file; a release has county_day, segment and reject as .parquet, .csv, .csv.gz, .ndjson and .xlsx, and counties/{fips}/: %w", dose.ErrNotFound)
	}
	entry := access.Entry{Action: "read", Release: id, File: name}
	scope, err := s.decide(r, p, access.Read, access.Resource{Kind: access.StateFiles, Level: level}, entry)
	if err != nil {
		return err
	}
	m, err := s.Releases.Manifest(id)
	if err != nil {
		return err
	}
	entry.Grant = scope.Grant
	return s.download(w, r, p, m, entry, table, format)
}

// download sends the table at stem, such as counties/06001/dose, in a format.
func (s *server) download(w http.ResponseWriter, r *http.Request, p access.Principal, m *release.Manifest, e access.Entry, stem, format string) error {
	f, ok := m.File(stem + ".parquet")
	if !ok || m.ID != e.Release || m.Place != e.Place {
		return fmt.Errorf("release %s has no such file: %w", e.Release, dose.ErrNotFound)
	}
	leave, err := s.limit.enter(p.User)
	if err != nil {
		return err
	}
	defer leave()
	dir, rel := s.Releases.Dir, path.Join(e.Release, f.Path)
	if format != "parquet" {
		allow(w, buildTime, 0)
		o := order{rel: path.Join(e.Release, e.Place, e.File), src: filepath.Join(dir, filepath.FromSlash(rel)),
			format: format, source: f.SHA256, rows: f.Rows}
		is, err := s.made.get(r.Context(), o)
		if err != nil {
			return err
		}
		dir, rel, f.SHA256, f.Bytes = s.made.dir, o.rel, is.SHA256, is.Bytes
	}
	return s.sendFile(w, r, p, e, f, dir, rel, format)
}

// sendFile sends the file at rel below dir, which must be as f says. One that is
// missing or has another size is damage: the manifest has it, or it was just
// made.
func (s *server) sendFile(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, f release.File, dir, rel, format string) error {
	// In the root, so that no link and no manifest leads out of it.
	body, err := os.OpenInRoot(dir, filepath.FromSlash(rel))
	if err != nil {
		return fault{fmt.Errorf("open %s: %v", rel, err)}
	}
	defer body.Close()
	st, err := body.Stat()
	if err != nil {
		return err
	}
	if st.Size() != f.Bytes || !st.Mode().IsRegular() {
		return fault{fmt.Errorf("%s has %d bytes, its manifest says %d; run 'dosebook verify'", rel, st.Size(), f.Bytes)}
	}
	h := w.Header()
	h.Set("Content-Type", cmp.Or(mediaTypes[format], duckdbType))
	h.Set("Content-Disposition", `attachment; filename="`+fileName(e)+`"`)
	h.Set("X-Dosebook-Rows", strconv.FormatInt(f.Rows, 10))
	e.Rows = f.Rows
	return s.send(w, r, p, e, f, body)
}

// fileName is the name a browser saves the file under.
func fileName(e access.Entry) string {
	table, ext, _ := strings.Cut(strings.ReplaceAll(e.File, "/", "-"), ".")
	place := e.Place
	if place == "" {
		place = "state"
	}
	return place + "-" + table + "-" + e.Release + "." + ext
}

// send notes the entry, waits until it is on the disk, and only then sends
// body, whose size and hash are f's.
func (s *server) send(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, f release.File, body io.ReadSeeker) error {
	sum, err := hex.DecodeString(f.SHA256)
	if err != nil || len(sum) != 32 {
		return fmt.Errorf("%s: its manifest holds no SHA-256; run 'dosebook verify'", f.Path)
	}
	e.Bytes = f.Bytes
	if err := s.note(r, p, e); err != nil {
		return err
	}
	h := w.Header()
	h.Set("ETag", `"`+f.SHA256+`"`)
	h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
	h.Set("Cache-Control", "private, max-age=86400, immutable")
	h.Set("Vary", "Authorization, Cookie")
	allow(w, 0, f.Bytes)
	http.ServeContent(w, r, "", time.Time{}, body)
	return nil
}

// sendBytes sends a small file that was read whole.
func (s *server) sendBytes(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, mediaType string, text []byte) error {
	w.Header().Set("Content-Type", mediaType)
	return s.send(w, r, p, e, hashed(text), bytes.NewReader(text))
}
