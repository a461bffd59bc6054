package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

const (
	extracts    = "/api/v1/extracts"
	maxQuestion = 64 << 10
	patience    = 20 * time.Second // that an answer is waited for, unless the client says otherwise
	maxPatience = time.Minute
)

// askExtract takes a question and answers with the permalink of its file: 303
// when it is made, else 202 with the address that tells how far it is.
func (s *server) askExtract(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	q, err := readQuestion(r.Body)
	if err != nil {
		return err
	}
	q, _, j, err := s.ask(r, p, q)
	if err != nil {
		return err
	}
	wait := prefer(r.Header.Get("Prefer"))
	allow(w, wait, 0)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-j.done:
	case <-timer.C:
		return s.accepted(w, r, q, j)
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if j.err != nil {
		return j.err
	}
	w.Header().Set("Location", permalink(q))
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// ask puts a question for a user, whichever door it came through: decided, in
// the audit, then asked. The question comes back normalised.
func (s *server) ask(r *http.Request, p access.Principal, q release.Question) (_ release.Question, scope access.Scope, _ *job, err error) {
	if q.Release, err = s.concrete(q.Release); err != nil {
		return q, scope, nil, err
	}
	if q, scope, err = s.judgeQuestion(r, p, q); err != nil {
		return q, scope, nil, err
	}
	src, err := s.source(p, q)
	if err != nil {
		return q, scope, nil, err
	}
	if err := s.note(r, p, extractEntry("extract", q, scope)); err != nil {
		return q, scope, nil, err
	}
	j, err := s.extracts.start(p.User, q, src)
	return q, scope, j, err
}

// accepted answers that the file is not there yet, and where to look.
func (s *server) accepted(w http.ResponseWriter, r *http.Request, q release.Question, j *job) error {
	w.Header().Set("Location", extracts+"/"+q.Key())
	w.Header().Set("Retry-After", "2")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	return json.NewEncoder(w).Encode(j.state())
}

// permalink is the address of a question's file. It never changes, and never
// holds another file.
func permalink(q release.Question) string {
	return extracts + "/" + q.Key() + "/" + q.Table + "." + q.Format
}

// readQuestion reads the body of a request. What it says of a fault names the
// field and never its value.
func readQuestion(body io.Reader) (q release.Question, err error) {
	d := json.NewDecoder(io.LimitReader(body, maxQuestion))
	d.DisallowUnknownFields()
	err = d.Decode(&q)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return q, release.FieldError{Field: wrong.Field, Says: "has the wrong type; " + questionForm}
	case err != nil && strings.HasPrefix(err.Error(), "json: unknown field "):
		return q, fmt.Errorf("the question has a field that is not known; %s: %w", questionForm, dose.ErrInvalid)
	case err != nil:
		return q, fmt.Errorf("the body is no JSON object of a question; %s: %w", questionForm, dose.ErrInvalid)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return q, fmt.Errorf("something follows the question: %w", dose.ErrInvalid)
	}
	return q, nil
}

const questionForm = `send {"county":"06001","from":"2021-03-01","to":"2021-03-31","columns":["admin_date","cvx"],"format":"csv"}; also release, table, cvx (numbers), age_groups, race_eth, hpi_quartiles, residents`

// concrete is the id of the release that is meant.
func (s *server) concrete(id string) (string, error) {
	if id != "" && id != "latest" {
		return id, nil
	}
	id, err := s.Releases.Latest()
	return strings.TrimSpace(id), err
}

// judgeQuestion asks the one decision: first for the place, then for what the
// question shows. Without columns it is about all that the reader may see.
func (s *server) judgeQuestion(r *http.Request, p access.Principal, q release.Question) (release.Question, access.Scope, error) {
	place, err := dose.ParsePlace(string(q.Place))
	if err != nil {
		_, err = q.Check(dose.Limited) // says it in the question's words
		return q, access.Scope{}, err
	}
	q.Place = place
	is := access.Resource{Kind: access.PlaceFiles, Place: place, Level: dose.Limited}
	if _, err := s.decide(r, p, access.Read, is, extractEntry("extract", q, access.Scope{})); err != nil {
		return q, access.Scope{}, err
	}
	level := dose.Limited
	is.Level = dose.Identified
	if _, err := access.Decide(p, access.Read, is, s.Now()); err == nil {
		level = dose.Identified
	}
	if q, err = q.Check(level); err != nil {
		return q, access.Scope{}, err
	}
	scope, err := s.mayAnswer(r, p, q)
	return q, scope, err
}

// mayAnswer decides about the answer to a checked question. Each door asks.
func (s *server) mayAnswer(r *http.Request, p access.Principal, q release.Question) (access.Scope, error) {
	is := access.Resource{Kind: access.PlaceFiles, Place: q.Place, Level: q.Level()}
	scope, err := s.decide(r, p, access.Read, is, extractEntry("extract", q, access.Scope{}))
	if err != nil && len(q.Columns) > 0 {
		return scope, fmt.Errorf("columns of level %s are asked for: %w", q.Level(), err)
	}
	return scope, err
}

func extractEntry(action string, q release.Question, scope access.Scope) access.Entry {
	e := access.Entry{Action: action, Release: q.Release, Place: string(q.Place), Grant: scope.Grant}
	if !slices.Contains(release.Tables(), q.Table) || !slices.Contains(release.ExtractFormats(), q.Format) {
		return e // not checked yet: a caller's words stay out of the audit
	}
	e.File = q.Table + "." + q.Format
	if text, err := json.Marshal(q); err == nil && scope.Grant != 0 {
		e.Detail = q.Key() + " " + string(text)
	}
	return e
}

// source is the released file that answers a question.
func (s *server) source(p access.Principal, q release.Question) (release.File, error) {
	if err := s.released(p, q.Release); err != nil {
		return release.File{}, err
	}
	m, err := s.Releases.PlaceManifest(q.Release, q.Place)
	if err != nil {
		return release.File{}, err
	}
	f, ok := m.File(q.Source())
	if !ok || m.ID != q.Release || m.Place != string(q.Place) {
		return f, fmt.Errorf("release %s has no such file: %w", q.Release, dose.ErrNotFound)
	}
	return f, nil
}

// prefer reads how long the client waits (RFC 7240: respond-async, wait=10).
func prefer(header string) time.Duration {
	for _, word := range strings.FieldsFunc(header, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		if word == "respond-async" {
			return 0
		}
		if n, ok := strings.CutPrefix(word, "wait="); ok {
			if sec, err := strconv.Atoi(n); err == nil && sec >= 0 {
				return min(time.Duration(min(sec, 3600))*time.Second, maxPatience)
			}
		}
	}
	return patience
}

// known finds the question of a key, for those who may have its answer.
func (s *server) known(r *http.Request, p access.Principal) (release.Question, access.Scope, release.File, error) {
	q, err := s.extracts.question(r.PathValue("key"))
	if err != nil {
		return q, access.Scope{}, release.File{}, err
	}
	scope, err := s.mayAnswer(r, p, q)
	if err != nil {
		return q, scope, release.File{}, err
	}
	src, err := s.source(p, q)
	return q, scope, src, err
}

// showExtract tells how far an extract is.
func (s *server) showExtract(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	q, scope, src, err := s.known(r, p)
	if err != nil {
		return err
	}
	if err := s.note(r, p, access.Entry{Action: "list", Release: q.Release, Place: string(q.Place), File: q.Table + "." + q.Format, Grant: scope.Grant, Detail: q.Key()}); err != nil {
		return err
	}
	state, err := s.extracts.look(q, src)
	if err != nil {
		return err
	}
	return writeJSON(w, r, state)
}

// extractFile sends the file of an extract. One that was lost is made again,
// and must be the same.
func (s *server) extractFile(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	q, scope, src, err := s.known(r, p)
	if err != nil {
		return err
	}
	if r.PathValue("file") != q.Table+"."+q.Format {
		return fmt.Errorf("this extract is %s: %w", permalink(q), dose.ErrNotFound)
	}
	leave, err := s.limit.enter(p.User)
	if err != nil {
		return err
	}
	defer leave()
	j, err := s.extracts.start(p.User, q, src)
	if err != nil {
		return err
	}
	allow(w, buildTime, 0)
	select {
	case <-j.done:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if j.err != nil {
		return j.err
	}
	return s.sendExtract(w, r, p, q, scope, j.made.File)
}

func (s *server) sendExtract(w http.ResponseWriter, r *http.Request, p access.Principal, q release.Question, scope access.Scope, f release.File) error {
	body, err := os.OpenInRoot(s.extracts.dir, filepath.FromSlash(f.Path))
	if err != nil {
		return fmt.Errorf("open %s: %v", f.Path, err) // not "not found": it was made
	}
	defer body.Close()
	st, err := body.Stat()
	if err != nil {
		return err
	}
	if st.Size() != f.Bytes || !st.Mode().IsRegular() {
		return fmt.Errorf("%s has %d bytes, %d were written", f.Path, st.Size(), f.Bytes)
	}
	h := w.Header()
	h.Set("Content-Type", mediaTypes[q.Format])
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s-%s-%s.%s"`, q.Place, q.Table, q.Release, q.Key()[:8], q.Format))
	h.Set("X-Dosebook-Rows", strconv.FormatInt(f.Rows, 10))
	e := extractEntry("read", q, scope)
	e.Rows = f.Rows
	return s.send(w, r, p, e, f, body)
}
