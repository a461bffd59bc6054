package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// database is the DuckDB file of all tables that a reader may see.
const database = "dosebook.duckdb"

var errNoTable = fmt.Errorf("there is no such file; a place has dose_event, dose and recipient as .parquet, .csv, .csv.gz, .ndjson and .xlsx, and %s: %w", database, dose.ErrNotFound)

// tableFile takes the name of a table's file apart.
func (s *server) tableFile(name string) (table, format string, ok bool) {
	table, format, _ = strings.Cut(name, ".")
	if format == "duckdb" {
		return table, format, name == database && s.Maker != nil
	}
	return table, format, mediaTypes[format] != "" && slices.Contains(release.Tables(), table)
}

// atLevel adds to a refusal where the caller's own level has its files.
func (s *server) atLevel(r *http.Request, p access.Principal, place dose.Place, err error) error {
	at, name := base+"/"+r.PathValue("id"), path.Base(r.URL.Path)
	for _, own := range []struct {
		level dose.Level
		where string
	}{
		{dose.Limited, "the limited data set is at " + at + "/counties/" + string(place) + "/limited/" + name},
		{dose.Deidentified, "de-identified records of the whole state are at " + at + "/deidentified/" + name},
	} {
		if own.level == dose.Deidentified && strings.HasPrefix(name, "changes.") {
			continue // rows without keys have no changes
		}
		res := access.Resource{Kind: access.PlaceFiles, Place: place, Level: own.level}
		if _, no := access.Decide(p, access.Read, res, s.Now()); no == nil {
			return fmt.Errorf("%s; %s: %w", strings.TrimSuffix(err.Error(), ": "+dose.ErrDenied.Error()), own.where, dose.ErrDenied)
		}
	}
	return err
}

// below is the folder of a level's files, below the place's.
func below(level dose.Level) string {
	if level == built {
		return ""
	}
	return level.String() + "/"
}

// limitedFile sends a file of a place's limited data set, or what proves it.
func (s *server) limitedFile(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	if format, ok := strings.CutPrefix(r.PathValue("file"), "changes."); ok && slices.Contains(changeFormats, format) {
		return s.changesAt(w, r, p, dose.Limited)
	}
	place, err := dose.ParsePlace(r.PathValue("fips"))
	if err != nil {
		return err
	}
	e := access.Entry{Action: "read", Release: r.PathValue("id"), Place: string(place), File: "limited/" + r.PathValue("file")}
	scope, err := s.decide(r, p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: dose.Limited}, e)
	if err != nil {
		return s.atLevel(r, p, place, err)
	}
	name := r.PathValue("file")
	if _, _, ok := s.tableFile(name); !ok && proofs[name] == "" {
		return errNoTable
	}
	if err := s.released(p, e.Release); err != nil {
		return err
	}
	if proofs[name] != "" {
		e.Grant = scope.Grant
		return s.limitedProof(w, r, p, e)
	}
	m, err := s.Releases.PlaceManifest(e.Release, place)
	if err != nil {
		return err
	}
	e.Grant = scope.Grant
	return s.sendLevel(w, r, p, m, e, dose.Limited)
}

// limitedProof sends the signed manifest of a place's limited data set, or
// what goes with it (ADR 0020).
func (s *server) limitedProof(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry) error {
	if _, err := s.Releases.LimitedManifest(e.Release, dose.Place(e.Place)); errors.Is(err, dose.ErrNotFound) {
		return fmt.Errorf("release %s was built before limited data sets were signed; a newer one has them: %w", e.Release, dose.ErrNotFound)
	} else if err != nil {
		return err
	}
	name := path.Base(e.File)
	file, err := s.Releases.Path(e.Release, dose.Limited.String(), e.Place, name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read %s of release %s: %v", e.File, e.Release, err) // its manifest is there
	}
	return s.sendBytes(w, r, p, e, proofs[name], text)
}

// deidentifiedFile sends a file of the state's de-identified records, to all
// who may read some place's files at that level (ADR 0019).
func (s *server) deidentifiedFile(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	e := access.Entry{Action: "read", Release: r.PathValue("id"), File: "deidentified/" + r.PathValue("file")}
	place := dose.Places()[0]
	if seen := access.Visible(p, dose.Deidentified, s.Now()); len(seen) > 0 {
		place = seen[0]
	}
	scope, err := s.decide(r, p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: dose.Deidentified}, e)
	if err != nil {
		return err
	}
	if _, _, ok := s.tableFile(r.PathValue("file")); !ok || s.Maker == nil {
		return errNoTable
	}
	if err := s.released(p, e.Release); err != nil {
		return err
	}
	m, err := s.Releases.Manifest(e.Release)
	if err != nil {
		return err
	}
	e.Grant = scope.Grant
	return s.sendLevel(w, r, p, m, e, dose.Deidentified)
}

// sendLevel makes what is missing of the file that e names, and sends it.
func (s *server) sendLevel(w http.ResponseWriter, r *http.Request, p access.Principal, m *release.Manifest, e access.Entry, level dose.Level) error {
	if m.ID != e.Release || m.Place != e.Place {
		return fmt.Errorf("release %s has no such file: %w", e.Release, dose.ErrNotFound)
	}
	leave, err := s.limit.enter(p.User)
	if err != nil {
		return err
	}
	defer leave()
	allow(w, 3*buildTime, 0) // tables at their level, then the format
	table, format, _ := strings.Cut(path.Base(e.File), ".")
	var is made
	rel := path.Join(e.Release, e.Place, e.File)
	if format == "duckdb" {
		is, err = s.makeDatabase(r.Context(), m, rel, level)
	} else if is, err = s.tableAt(r.Context(), m, table, level); err == nil && format != "parquet" {
		o := order{rel: rel, src: s.placeOf(m, table, level), format: format, source: is.SHA256, rows: is.Rows}
		is, err = s.made.get(r.Context(), o)
	}
	if err != nil {
		return err
	}
	return s.sendFile(w, r, p, e, release.File{Path: e.File, Bytes: is.Bytes, SHA256: is.SHA256, Rows: is.Rows}, s.made.dir, rel, format)
}

// placeOf is where a table's Parquet file of a level lies.
func (s *server) placeOf(m *release.Manifest, table string, level dose.Level) string {
	name := table + ".parquet"
	if level == built {
		return filepath.Join(s.Releases.Dir, m.ID, "counties", m.Place, name)
	}
	return filepath.Join(s.made.dir, m.ID, m.Place, level.String(), name)
}

// tableAt makes a table's Parquet file of a level where it is missing: of the
// released ones, which must be as the manifest says.
func (s *server) tableAt(ctx context.Context, m *release.Manifest, table string, level dose.Level) (made, error) {
	var sources []release.File
	for _, f := range m.Files {
		if parts := strings.Split(f.Path, "/"); len(parts) == 3 && parts[2] == table+".parquet" {
			sources = append(sources, f)
		}
	}
	if len(sources) == 0 {
		return made{}, fmt.Errorf("release %s has no such file: %w", m.ID, dose.ErrNotFound)
	}
	if level == built {
		return made{SHA256: sources[0].SHA256, Bytes: sources[0].Bytes, Rows: sources[0].Rows}, nil
	}
	root := filepath.Join(s.Releases.Dir, m.ID)
	hashes := make([]string, len(sources))
	for i, f := range sources {
		hashes[i] = f.SHA256
	}
	return s.made.get(ctx, order{rel: path.Join(m.ID, m.Place, level.String(), table+".parquet"), source: release.Sources(hashes...),
		build: func(ctx context.Context, dst string) (int64, error) {
			if err := unchanged(root, sources); err != nil {
				return 0, err
			}
			if level == dose.Deidentified {
				return release.Deidentify(ctx, s.Maker, root, table, dst)
			}
			return s.limitOne(ctx, m, sources[0], dst)
		}})
}

// limitOne makes a table's limited form, which must be the one that was signed
// when the release was built.
func (s *server) limitOne(ctx context.Context, m *release.Manifest, src release.File, dst string) (int64, error) {
	rows, err := s.Limit(ctx, filepath.Join(s.Releases.Dir, m.ID, filepath.FromSlash(src.Path)), dst)
	if err != nil {
		return 0, err
	}
	if rows != src.Rows {
		return 0, fmt.Errorf("%d rows, the manifest has %d", rows, src.Rows)
	}
	signed, err := s.Releases.LimitedManifest(m.ID, dose.Place(m.Place))
	if errors.Is(err, dose.ErrNotFound) { // of before schema 6
		return rows, nil
	}
	if err != nil {
		return 0, err
	}
	is, err := measure(dst)
	if err != nil {
		return 0, err
	}
	if f, ok := signed.File(signed.Folder() + path.Base(src.Path)); !ok || f.SHA256 != is.SHA256 || f.Rows != rows {
		return 0, fault{fmt.Errorf("%s is not as it was signed; run 'dosebook verify'", dose.Limited.String()+"/"+path.Base(src.Path))}
	}
	return rows, nil
}

// makeDatabase makes the DuckDB file of a place, or of the de-identified
// records, where it is missing.
func (s *server) makeDatabase(ctx context.Context, m *release.Manifest, rel string, level dose.Level) (made, error) {
	d := release.Database{Manifest: m, Level: level, DoseEvent: s.placeOf(m, "dose_event", level), Recipient: s.placeOf(m, "recipient", level)}
	var hashes []string
	for _, table := range []string{"dose_event", "recipient"} {
		is, err := s.tableAt(ctx, m, table, level)
		if err != nil {
			return made{}, err
		}
		hashes = append(hashes, is.SHA256)
	}
	root := filepath.Join(s.Releases.Dir, m.ID)
	if m.Place != "" {
		all, err := s.Releases.Manifest(m.ID)
		if err != nil {
			return made{}, err
		}
		if f, ok := all.File("county_day.parquet"); ok {
			d.CountyDay, hashes = filepath.Join(root, f.Path), append(hashes, f.SHA256)
		}
	}
	return s.made.get(ctx, order{rel: rel, source: release.Sources(hashes...), once: true, build: func(ctx context.Context, dst string) (int64, error) {
		for i, path := range []string{d.DoseEvent, d.Recipient, d.CountyDay} {
			if is, err := measure(path); path != "" && (err != nil || is.SHA256 != hashes[i]) {
				return 0, fault{fmt.Errorf("%s is not what it was; run 'dosebook verify'", filepath.Base(path))}
			}
		}
		return release.MakeDatabase(ctx, s.Maker, d, dst)
	}})
}

// unchanged reads released files again: what is made of them stays for good.
func unchanged(root string, files []release.File) error {
	for _, f := range files {
		if is, err := measure(filepath.Join(root, filepath.FromSlash(f.Path))); err != nil || is.SHA256 != f.SHA256 {
			return fault{fmt.Errorf("%s is not the one of the manifest; run 'dosebook verify'", f.Path)}
		}
	}
	return nil
}
