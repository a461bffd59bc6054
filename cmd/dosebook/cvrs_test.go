package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

// fields are the cells of a hand-made CVRS row that differ from a plain one.
type fields map[string]string

func header() []string {
	names := make([]string, dose.CVRSColumns)
	for i, c := range dose.Raw()[:dose.CVRSColumns] {
		names[i] = c.Name
	}
	return names
}

// row is a row without fault: a first Pfizer dose in Alameda County.
func row(id string, f fields) string {
	cells := fields{"vax_event_id": id, "ext_type": "I", "recip_id": "R-" + id, "recip_first_name": "Ann", "recip_middle_name": "B",
		"recip_last_name": "Example", "recip_dob": "1980-02-03", "recip_sex": "F", "recip_address_street": "1 Example St",
		"recip_address_city": "Oakland", "recip_address_county": "06001", "recip_address_state": "CA", "recip_address_zip": "94601",
		"recip_race_1": "2106-3", "recip_ethnicity": "2186-5", "admin_date": "2021-03-05", "cvx": "208", "mvx": "PFR",
		"lot_number": "EL9261", "vax_admin_site": "LD", "vax_route": "C28161", "dose_num": "1", "vax_series_complete": "NO",
		"responsible_org": "Org", "admin_name": "Clinic", "vtrcks_prov_pin": "123456", "admin_type": "17",
		"admin_address_county": "06001", "admin_address_state": "CA", "admin_address_zip": "94601", "vax_refusal": "NO",
		"cmorbid_status": "UNK", "serology": "UNK"}
	maps.Copy(cells, f)
	line := make([]string, dose.CVRSColumns)
	for i, name := range header() {
		line[i] = cells[name]
	}
	return strings.Join(line, "\t")
}

// cvrsText is a file of rows.
func cvrsText(rows ...string) string {
	return strings.Join(append([]string{strings.Join(header(), "\t")}, rows...), "\r\n") + "\r\n"
}

// write puts a file into a new folder, so that names can be used again.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load ingests files that must load, and checks the sums that always hold.
func (d data) load(t *testing.T, args ...string) *pipelines.Report {
	t.Helper()
	return reportOf(t, d.ok(t, append([]string{"ingest", "--json"}, args...)...))
}

// reportOf reads the JSON of ingest and checks the sums that always hold.
func reportOf(t *testing.T, out string) *pipelines.Report {
	t.Helper()
	rep := parse[pipelines.Report](t, out)
	var sum pipelines.Totals
	for _, p := range rep.Payloads {
		if p.Records != p.Events+p.Rejects {
			t.Errorf("%s: %d records, %d events and %d rejects", filepath.Base(p.Path), p.Records, p.Events, p.Rejects)
		}
		if p.Adds+p.Updates+p.Deletes+p.Unchanged != p.Events {
			t.Errorf("%s: %d+%d+%d+%d of %d events", filepath.Base(p.Path), p.Adds, p.Updates, p.Deletes, p.Unchanged, p.Events)
		}
		sum.Records += p.Records
		sum.Adds += p.Adds
		sum.Rejects += p.Rejects
	}
	if t1 := rep.Totals; t1.Payloads != len(rep.Payloads) || t1.Records != sum.Records || t1.Adds != sum.Adds || t1.Rejects != sum.Rejects {
		t.Errorf("totals %+v are not the sum of the payloads", t1)
	}
	return &rep
}

// effect is what one payload did.
type effect struct {
	adds, updates, deletes, unchanged int64
	codes                             string // codes of its issues, sorted
}

func effectOf(p pipelines.Payload) effect {
	return effect{p.Adds, p.Updates, p.Deletes, p.Unchanged, strings.Join(slices.Sorted(maps.Keys(p.Issues)), " ")}
}
