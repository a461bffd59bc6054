package serve

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// cells are the cells of one row that are not made up by their column.
type cells map[string]any

// parquetOf writes rows of the columns as a release has them. A text that
// cells leave out says whose it is, and at which level it may be seen.
func parquetOf(t testing.TB, whose, table string, columns []dose.Column, rows ...cells) []byte {
	t.Helper()
	group := parquet.Group{}
	for _, c := range columns {
		group[c.Name] = parquet.Optional(nodeOf(c.Type))
	}
	schema := parquet.NewSchema("table", group)
	var b bytes.Buffer
	w := parquet.NewWriter(&b, schema)
	for _, is := range rows {
		row := make(parquet.Row, 0, len(columns))
		for at, f := range schema.Fields() {
			c := columns[slices.IndexFunc(columns, func(c dose.Column) bool { return c.Name == f.Name() })]
			v, has := is[c.Name]
			if !has && (c.Type == dose.Text || c.Type == dose.LongTxt) {
				v = fmt.Sprintf("rows of <%s> table %s at level %s", whose, table, c.Level)
			}
			if v == nil {
				row = append(row, parquet.NullValue().Level(0, 0, at))
			} else {
				row = append(row, parquet.ValueOf(v).Level(0, 1, at))
			}
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func nodeOf(t dose.Type) parquet.Node {
	switch t {
	case dose.Text, dose.LongTxt:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	case dose.Date:
		return parquet.Date()
	case dose.Int:
		return parquet.Int(32)
	case dose.Big:
		return parquet.Int(64)
	case dose.Bool:
		return parquet.Leaf(parquet.BooleanType)
	}
	return parquet.Timestamp(parquet.Microsecond)
}

func columnsOf(t dose.Type, names ...string) (out []dose.Column) {
	for _, name := range names {
		out = append(out, dose.Column{Name: name, Type: t})
	}
	return out
}

var (
	dayColumns = slices.Concat(columnsOf(dose.Text, "county", "county_fips"), columnsOf(dose.Date, "administered_date"),
		columnsOf(dose.Big, "total_doses", "pfizer_doses", "moderna_doses", "jj_doses", "at_least_one_dose", "fully_vaccinated", "booster_recip_count",
			"up_to_date_count", "cumulative_total_doses", "cumulative_at_least_one_dose", "cumulative_fully_vaccinated"))
	groupColumns = slices.Concat(columnsOf(dose.Text, "county_fips", "demographic_category", "demographic_value"), columnsOf(dose.Date, "administered_date"),
		columnsOf(dose.Big, "est_population", "cumulative_total_doses", "cumulative_at_least_one_dose", "cumulative_fully_vaccinated"),
		columnsOf(dose.Int, "at_least_one_per_10000", "fully_per_10000"), columnsOf(dose.Bool, "is_capped"))
	senderTypes = slices.Concat(columnsOf(dose.Text, "registry", "sender"), columnsOf(dose.Date, "day"), columnsOf(dose.Big, senderColumns[3:]...))
)

// figure is a number that stands for one place: 7,0NN,000, NN its place in the
// list, 99 for the state.
func figure(place dose.Place) int64 {
	i := slices.Index(dose.Places(), place)
	if i < 0 {
		i = 99
	}
	return 7_000_000 + int64(i)*1000
}

// planted is what plantPages makes, once for all tests: nobody changes it.
var planted struct {
	sync.Mutex
	files map[string][]byte
}

// plantPages puts a release of true Parquet files in the place of the world's:
// each text says whose it is and at which level, each count is its place's.
func (w *world) plantPages() {
	planted.Lock()
	defer planted.Unlock()
	if planted.files == nil {
		planted.files = plantedFiles(w.t)
	}
	for name, b := range planted.files {
		w.write(name, b)
	}
	w.h = New(w.cfg)
}

func plantedFiles(t testing.TB) map[string][]byte {
	files := map[string][]byte{}
	root := release.Manifest{ID: id, LedgerSeq: 42, Schema: 1, Status: release.Ready}
	put := func(m *release.Manifest, path string, rows int64, b []byte) {
		sum := sha256.Sum256(b)
		m.Files = append(m.Files, release.File{Path: path, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), Rows: rows})
		files["releases/"+id+"/"+path] = b
	}
	const given = int32(18_687)
	var days, groups []cells
	for _, place := range append(dose.Places(), "CA") {
		n := figure(place)
		days = append(days, cells{"county_fips": string(place), "administered_date": given, "total_doses": n, "pfizer_doses": int64(0), "moderna_doses": int64(0),
			"jj_doses": int64(0), "at_least_one_dose": n, "fully_vaccinated": n, "booster_recip_count": n, "up_to_date_count": n,
			"cumulative_total_doses": n, "cumulative_at_least_one_dose": n, "cumulative_fully_vaccinated": n})
		groups = append(groups, cells{"county_fips": string(place), "demographic_category": "Age Group", "demographic_value": "5-11", "administered_date": given,
			"est_population": n, "cumulative_total_doses": n, "cumulative_at_least_one_dose": n, "cumulative_fully_vaccinated": n, "at_least_one_per_10000": int32(5000), "fully_per_10000": int32(4000), "is_capped": false})
	}
	for _, place := range dose.Places() {
		m := release.Manifest{ID: id, LedgerSeq: 42, Schema: 1, Status: release.Ready, Place: string(place)}
		for _, table := range release.Tables() {
			columns := dose.ReleaseColumns()
			if table == "recipient" {
				columns = dose.Recipient()
			}
			row := cells{"visible_because": "both", "admin_county": string(place), "county": string(place), "admin_date": given, "cvx": int32(208)}
			put(&m, "counties/"+string(place)+"/"+table+".parquet", 2, parquetOf(t, string(place), table, columns, row, row))
		}
		root.Files = append(root.Files, m.Files...)
		text, _ := json.Marshal(m)
		put(&root, "counties/"+string(place)+"/manifest.json", 0, text)
	}
	put(&root, "county_day.parquet", int64(len(days)), parquetOf(t, "state", "county_day", dayColumns, days...))
	put(&root, "county_demographic_day.parquet", int64(len(groups)), parquetOf(t, "state", "county_demographic_day", groupColumns, groups...))
	sent := cells{"day": given}
	for _, name := range senderColumns[3:] {
		sent[name] = figure("CA")
	}
	put(&root, "quality_day.parquet", 1, parquetOf(t, "state", "quality_day", senderTypes, sent))
	put(&root, "quality_finding.parquet", 1, parquetOf(t, "state", "quality_finding", columnsOf(dose.Text, "code", "severity", "says", "remedy"), cells{}))
	put(&root, "reject.parquet", 1, parquetOf(t, "state", "rejects", columnsOf(dose.Text, "code", "field", "message", "remedy", "registry"), cells{}))
	text, _ := json.Marshal(root)
	files["releases/"+id+"/manifest.json"] = text
	return files
}
