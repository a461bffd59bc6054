package serve

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// shownColumns are those of a page of rows: where a row comes from and what it
// counts as, no name. The file with all columns is one step further.
var shownColumns = map[string]bool{
	"registry": true, "vax_event_id": true, "admin_date": true, "cvx": true, "dose_ordinal": true, "recip_age_group": true, "recip_race_eth": true,
	"hpi_quartile": true, "county": true, "admin_county": true, "visible_because": true, "segment": true, "line": true,
	"person_id": true, "doses": true, "ds1_admin_date": true, "last_admin_date": true, "fully_vaccinated": true,
}

// shownRows are those that a page of rows shows itself.
const shownRows = 100

// pageQuestion reads the question behind a figure from the address.
func pageQuestion(r *http.Request) (q release.Question, all bool, err error) {
	v := r.URL.Query()
	q = release.Question{Release: r.PathValue("release"), Place: dose.Place(r.PathValue("fips")), Table: v.Get("table"), From: v.Get("from"), To: v.Get("to"),
		AgeGroups: v["age"], RaceEth: v["race"], Residents: v.Get("residents") == "1"}
	for _, list := range []struct {
		name string
		to   *[]int
	}{{"cvx", &q.CVX}, {"hpi", &q.HPI}} {
		for _, text := range v[list.name] {
			n, err := strconv.Atoi(text)
			if err != nil {
				return q, false, release.FieldError{Field: list.name, Says: "is no number"}
			}
			*list.to = append(*list.to, n)
		}
	}
	if all = v.Get("columns") == "all"; all {
		return q, true, nil
	}
	columns := dose.ReleaseColumns()
	if q.Table == "recipient" {
		columns = dose.Recipient()
	}
	for _, c := range columns {
		if shownColumns[c.Name] && c.Level <= counts {
			q.Columns = append(q.Columns, c.Name)
		}
	}
	return q, false, nil
}

// rowsPage shows the rows that a figure counts: the answer to an extract's
// question, made once for all who ask.
func (s *server) rowsPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	q, all, err := pageQuestion(r)
	if err != nil {
		return err
	}
	q, scope, j, err := s.ask(r, p, q)
	if err != nil {
		return err
	}
	allow(w, buildTime, 0)
	select {
	case <-j.done:
	case <-r.Context().Done():
		return r.Context().Err()
	case <-time.After(buildTime):
		return fmt.Errorf("the rows are not there yet; try again in a minute: %w", dose.ErrTooMuch)
	}
	if j.err != nil && dose.Status(j.err) == http.StatusInternalServerError {
		return fault{j.err}
	}
	if j.err != nil {
		return rowsFault(j.err)
	}
	if all {
		http.Redirect(w, r, permalink(q), http.StatusSeeOther)
		return nil
	}
	body, err := s.rowsBody(r.URL.Query(), q, j.made.File)
	if err != nil {
		return err
	}
	e := extractEntry("read", q, scope)
	e.Rows = int64(len(body.First))
	return s.showPage(w, r, p, e, "rows", dashboards.Page{Title: "Rows behind a figure", Release: q.Release, Body: *body,
		Lead: placeTitle(q.Place) + ". Each row is in the audit as read by you."})
}

// rowsFault is what a page says of an answer that could not be made. The
// question was checked before, so what is wrong is the file.
func rowsFault(err error) error {
	switch dose.Status(err) {
	case http.StatusInternalServerError, http.StatusBadRequest:
		faulty(&err)
	}
	return err
}

func (s *server) rowsBody(query url.Values, q release.Question, f release.File) (*dashboards.Rows, error) {
	b := &dashboards.Rows{Place: string(q.Place), Name: q.Place.Label(), Count: f.Rows,
		File: dashboards.File{Path: permalink(q), Bytes: f.Bytes, SHA256: f.SHA256, Rows: f.Rows}}
	b.Asked = append(b.Asked, dashboards.Pair{Name: "Table", Value: q.Table})
	put := func(name, value string) {
		if value != "" {
			b.Asked = append(b.Asked, dashboards.Pair{Name: name, Value: value})
		}
	}
	put("From", q.From)
	put("To", q.To)
	put("CVX", strings.Trim(strings.ReplaceAll(fmt.Sprint(q.CVX), " ", ", "), "[]"))
	put("Age groups", strings.Join(q.AgeGroups, ", "))
	put("Race and ethnicity", strings.Join(q.RaceEth, ", "))
	put("Healthy Places Index quartile", strings.Trim(fmt.Sprint(q.HPI), "[]"))
	if q.Residents {
		put("People", "residents of "+placeTitle(q.Place))
	} else {
		put("People", "residents, and others given a dose here")
	}
	query.Set("columns", "all")
	b.More = countyAddress(q.Release, q.Place) + "/rows?" + query.Encode()
	text, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	b.Curl = `curl -sSLOJ -H "Authorization: Bearer $DOSEBOOK_TOKEN" -H 'Content-Type: application/json' \` + "\n  -d '" + string(text) + "' $DOSEBOOK" + extracts
	b.Head, b.First, err = s.firstRows(f)
	return b, err
}

// firstRows reads the beginning of a CSV file.
func (s *server) firstRows(f release.File) (head []string, rows [][]string, err error) {
	file, err := os.OpenInRoot(s.extracts.dir, filepath.FromSlash(f.Path))
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %v", f.Path, err) // not "not found": it was made
	}
	defer file.Close()
	in := csv.NewReader(file)
	if head, err = in.Read(); err != nil {
		return nil, nil, fmt.Errorf("read %s: %v", f.Path, err)
	}
	for len(rows) < shownRows {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %v", f.Path, err)
		}
		rows = append(rows, row)
	}
	return head, rows, nil
}
