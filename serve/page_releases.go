package serve

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// releasesPage lists the releases that the reader may see, newest first.
func (s *server) releasesPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	scope, err := s.decide(r, p, access.List, access.Resource{Kind: access.Releases}, access.Entry{Action: "page", File: "releases"})
	if err != nil {
		return err
	}
	ids, err := s.Releases.List()
	if err != nil {
		return err
	}
	var body dashboards.Releases
	for _, id := range slices.Backward(ids) {
		m, err := s.Releases.Manifest(id)
		if errors.Is(err, dose.ErrNotFound) || errors.Is(err, dose.ErrGone) {
			continue // removed since, or never finished
		}
		if err != nil {
			return err
		}
		if s.shown(p, m.ID, m.Status) {
			row, _ := s.releaseRow(m)
			body.Rows = append(body.Rows, row)
		}
	}
	return s.showPage(w, r, p, access.Entry{Action: "page", Grant: scope.Grant, File: "releases"}, "releases",
		dashboards.Page{Title: "Releases", At: "Releases", Lead: "Each is a set of files that never changes. People read the newest approved one.", Body: body})
}

// releaseRow is a release with its gate's record, if it has one.
func (s *server) releaseRow(m *release.Manifest) (dashboards.ReleaseRow, *release.Gate) {
	row := dashboards.ReleaseRow{ID: m.ID, Status: m.Status, Seq: m.LedgerSeq}
	if latest, err := s.Releases.Latest(); err == nil {
		row.Latest = strings.TrimSpace(latest) == m.ID
	}
	g, err := s.Releases.Gate(m.ID)
	if err != nil {
		return row, nil // from before there were gates
	}
	row.Built, row.Holding = g.BuiltAt.UTC().Format("2006-01-02 15:04 MST"), len(g.Holding())
	return row, g
}

// releasePage shows what the gate said of one release and what it changed: the
// gate's figures to those who see the state's, else the reader's places.
func (s *server) releasePage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	m, err := s.asked(r, p)
	if err != nil {
		return err
	}
	scope, err := access.Decide(p, access.List, access.Resource{Kind: access.Releases}, s.Now())
	if err != nil {
		return err
	}
	row, g := s.releaseRow(m)
	body := dashboards.Release{ReleaseRow: row}
	before, err := s.before(m)
	if err != nil {
		return err
	}
	if before != nil {
		body.Before = before.ID
	}
	if body.Changes, err = s.visibleCounties(r.Context(), p, m, before); err != nil {
		return err
	}
	if s.may(p, stateCounts) {
		fillGate(&body, g)
		body.Files = stateFilesOf(m)
	}
	if s.mayDecide(p) {
		body.Form = s.formToken(r)
		body.Lines = []dashboards.Line{{Name: "The same on the command line", Text: "dosebook release approve " + m.ID + " --reason \"…\"\ndosebook release hold " + m.ID + " --reason \"…\""}}
	}
	return s.showPage(w, r, p, access.Entry{Action: "page", Release: m.ID, Grant: scope.Grant, File: "release"}, "release",
		dashboards.Page{Title: "Release " + m.ID, At: "Releases", Release: m.ID, Body: body})
}

// mayDecide says whether p approves and holds releases here.
func (s *server) mayDecide(p access.Principal) bool {
	_, err := access.Decide(p, access.Manage, access.Resource{Kind: access.Releases}, s.Now())
	return err == nil && s.Decide != nil
}

// decideRelease approves or holds a release, with a reason. Who runs the
// server carries it out: it takes the lease, as on the command line.
func (s *server) decideRelease(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	id := r.PathValue("release")
	if _, err := s.decide(r, p, access.Manage, access.Resource{Kind: access.Releases}, access.Entry{Action: "release decision", Release: id}); err != nil {
		return err
	}
	form, err := s.form(w, r)
	if err != nil {
		return err
	}
	status, ok := map[string]string{"approve": release.Ready, "hold": release.Held}[form.Get("decision")]
	d := release.Decision{Status: status, By: p.User, Reason: strings.TrimSpace(form.Get("reason")), At: s.Now()}
	switch {
	case !ok:
		return fmt.Errorf("a decision is approve or hold: %w", dose.ErrInvalid)
	case d.Reason == "":
		return fmt.Errorf("a decision needs a reason: %w", dose.ErrInvalid)
	case s.Decide == nil:
		return fmt.Errorf("releases are decided on at the machine that holds the data: %w", dose.ErrNotFound)
	}
	allow(w, buildTime, 0) // every file is read again
	if err := s.Decide(r.Context(), id, d); err != nil {
		return err
	}
	http.Redirect(w, r, "/releases/"+id+"#decisions", http.StatusSeeOther)
	return nil
}

func fillGate(body *dashboards.Release, g *release.Gate) {
	if g == nil {
		return
	}
	body.Against = g.Against
	for _, c := range g.Checks {
		body.Checks = append(body.Checks, dashboards.Check{Name: c.Name, Says: c.Says, Invariant: c.Invariant, Passed: c.Passed,
			Value: gateNumber(c.Value), Limit: gateNumber(c.Limit)})
	}
	for _, d := range g.Decisions {
		body.Decisions = append(body.Decisions, dashboards.Decision{Status: d.Status, By: d.By, At: d.At.UTC().Format(time.DateTime), Reason: d.Reason})
	}
}

// gateNumber writes a share or a count with what matters of it.
func gateNumber(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// stateFilesOf are the tables of the whole release.
func stateFilesOf(m *release.Manifest) (out []dashboards.File) {
	for _, f := range m.Files {
		name, ok := strings.CutSuffix(f.Path, ".parquet")
		if _, known := stateLevels[name]; ok && known {
			out = append(out, dashboards.File{Table: name, Format: release.Parquet, Path: base + "/" + m.ID + "/" + f.Path, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256})
		}
	}
	return out
}
