package release

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/release/suppress"
)

// field is a column in Frictionless' Table Schema (version 1).
type field struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
}

const peopleOnce = "People count once, in the county of their latest dose."

// publicFields describe every column of the public tables. Names and meanings
// are those of the state's open data (CHHS, COVID-19 Vaccine Progress
// Dashboard Data).
var publicFields = [...]field{
	{"county", "string", "County of residence, All CA Counties, All CA and Non-CA Counties, Outside California or Unknown; in the ZIP table the county of the ZIP."},
	{"administered_date", "date", "Day on which the dose was given. A day without a row is zero."},
	{"as_of_date", "date", "Last day that the row counts."},
	{"california_flag", "string", "California, Not in California, or empty for sums."},
	{"demographic_category", "string", "Age Group, Race/Ethnicity, HPI Quartile (Healthy Places Index, 1 least healthy), or All."},
	{"demographic_value", "string", "Group within the category. Ages, races and quartiles each add up to all."},
	{"est_population", "integer", "People of the group in the county; empty where nobody estimates it."},
	{"zip_code_tabulation_area", "string", "ZIP of residence."},
	{"vaccine_equity_metric_quartile", "string", "Healthy Places Index quartile of the ZIP, 1 least healthy conditions; empty: none assigned."},
	{"total_doses", "integer", "Doses given."},
	{"pfizer_doses", "integer", "Doses of Pfizer's vaccines; with the next two no more than total_doses."},
	{"moderna_doses", "integer", "Doses of Moderna's vaccines."},
	{"jj_doses", "integer", "Doses of Janssen's vaccine."},
	{"booster_recip_count", "integer", "Residents with a complete series who had a booster."},
	{"total_partially_vaccinated", "integer", "People with a dose whose series was not complete then."},
	{"cumulative_fully_vaccinated", "integer", "People whose primary series was complete. " + peopleOnce},
	{"cumulative_at_least_one_dose", "integer", "People with one dose or more: the two before it together. " + peopleOnce},
	{"at_least_one_per_10000", "integer", "cumulative_at_least_one_dose per 10,000 of est_population; may pass 10,000, where estimates are too low."},
	{"fully_per_10000", "integer", "cumulative_fully_vaccinated per 10,000 of est_population."},
	{"persons_fully_vaccinated", "integer", "Residents whose primary series was complete."},
	{"persons_partially_vaccinated", "integer", "Residents with a dose whose series was not complete."},
	{"persons_with_1_plus_dose", "integer", "The two together."},
	{"redacted", "string", "No, or that counts in the row are hidden."},
}

func publicField(name string) field {
	i := slices.IndexFunc(publicFields[:], func(f field) bool { return f.Name == name })
	if i < 0 {
		return field{Name: name, Type: "string"}
	}
	return publicFields[i]
}

// titles say what a table's rows are.
var titles = [...]string{"Doses by county and day", "People by county and demographic group, reached until a day", "People by ZIP, reached until a day", "People of the state by demographic group, reached until a day"}

var publicKeys = [...][]string{{"county", "administered_date"}, {"county", "demographic_category", "demographic_value", "as_of_date"},
	{"zip_code_tabulation_area", "as_of_date"}, {"demographic_category", "demographic_value", "as_of_date"}}

type resource struct {
	Name      string         `json:"name"`
	Title     string         `json:"title"`
	Path      string         `json:"path"`
	Profile   string         `json:"profile"`
	Format    string         `json:"format"`
	MediaType string         `json:"mediatype"`
	Encoding  string         `json:"encoding"`
	Bytes     int64          `json:"bytes"`
	Hash      string         `json:"hash"`
	Schema    map[string]any `json:"schema"`
}

// dataPackage is datapackage.json (Frictionless Data Package, version 1).
func dataPackage(asOf time.Time, tables []*suppress.Table, files []File) ([]byte, error) {
	var resources []resource
	for n, t := range tables {
		fields := make([]field, len(t.Columns))
		for i, c := range t.Columns {
			fields[i] = publicField(c)
		}
		for _, format := range []string{"csv", "json"} {
			path := publicNames[n] + "." + format
			f := files[slices.IndexFunc(files, func(f File) bool { return f.Path == path })]
			resources = append(resources, resource{strings.ReplaceAll(path, ".", "-"), titles[n], path, "tabular-data-resource", format,
				map[string]string{"csv": "text/csv", "json": "application/json"}[format], "utf-8", f.Bytes, "sha256:" + f.SHA256,
				map[string]any{"fields": fields, "primaryKey": publicKeys[n], "missingValues": []string{""}}})
		}
	}
	text, err := json.MarshalIndent(map[string]any{"profile": "tabular-data-package", "name": "covid-19-vaccinations", "title": "COVID-19 vaccinations",
		"version": asOf.Format(time.DateOnly), "description": strings.Join(notice[:], " "), "resources": resources}, "", " ")
	return append(text, '\n'), err
}

// notice is what a reader must know of all tables.
var notice = [...]string{
	"An empty count is hidden, not zero: counts of 1 to 10 in small places or groups, changes of 1 to 10 since an earlier publication, and what would give those away (CalHHS Data De-Identification Guidelines, section 4.4).",
	"Zeros are shown, and a row that is missing is zero.",
	"Whatever is shown is the true number: nothing is rounded and no noise is added.",
	"Earlier publications stay at their addresses; changes.csv says what was published otherwise before, and why.",
	"All tables but by_county keep the rows of earlier publications as they were.",
}

// definitionsText is definitions.md.
func definitionsText() []byte {
	var b strings.Builder
	b.WriteString("# Public tables: definitions\n\n")
	for _, n := range notice {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	b.WriteString("\n| table | rows |\n|---|---|\n")
	for n, name := range publicNames {
		fmt.Fprintf(&b, "| %s | %s |\n", name, titles[n])
	}
	b.WriteString("\n| column | type | meaning |\n|---|---|---|\n")
	for _, f := range publicFields {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.Name, f.Type, f.Description)
	}
	return []byte(b.String())
}
