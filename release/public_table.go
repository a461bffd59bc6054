package release

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release/suppress"
)

// publicTables makes the tables as they are before suppression, from the files
// of a release alone.
func publicTables(ctx context.Context, root string, asOf time.Time) ([]*suppress.Table, error) {
	day, err := readCounts(ctx, filepath.Join(root, "county_day.parquet"))
	if err != nil {
		return nil, err
	}
	groups, err := readCounts(ctx, filepath.Join(root, "county_demographic_day.parquet"))
	if err != nil {
		return nil, err
	}
	until := asOf.Format(time.DateOnly)
	zips, err := zipTable(root, asOf)
	if err != nil {
		return nil, err
	}
	people, err := peopleTable(groups, until)
	return []*suppress.Table{countyTable(day, until), people, zips}, err
}

// counts is a table with its columns by name.
type counts struct {
	*suppress.Table
	at map[string]int
}

func readCounts(ctx context.Context, path string) (counts, error) {
	var text bytes.Buffer
	if _, err := ConvertTo(ctx, path, &text, CSV); err != nil {
		return counts{}, err
	}
	if bytes.Count(text.Bytes(), []byte("\n")) < 2 {
		return counts{}, fmt.Errorf("%s has no rows: %w", filepath.Base(path), dose.ErrNotFound)
	}
	t, err := suppress.ReadCSV(&text, filepath.Base(path))
	if err != nil {
		return counts{}, err
	}
	c := counts{t, map[string]int{}}
	for i, name := range t.Columns {
		c.at[name] = i
	}
	return c, nil
}

func (c counts) get(row []string, column string) string { return row[c.at[column]] }

// add adds a row's people: with a complete series, with a dose.
func (c counts) add(to []int64, row []string) []int64 {
	if to == nil {
		to = make([]int64, 2)
	}
	for k, name := range []string{"fully_vaccinated", "at_least_one_dose"} {
		n, _ := strconv.ParseInt(c.get(row, name), 10, 64) // a released count
		to[k] += n
	}
	return to
}

func newTable(name string, columns ...[]string) *suppress.Table {
	return &suppress.Table{Name: name, Columns: slices.Concat(columns...)}
}

func put(t *suppress.Table, row []string) {
	t.Rows, t.Lines = append(t.Rows, row), append(t.Lines, len(t.Rows)+2)
}

func texts(n []int64) (out []string) {
	for _, v := range n {
		out = append(out, strconv.FormatInt(v, 10))
	}
	return out
}

// countyTable is the doses of county_day until a day.
func countyTable(day counts, until string) *suppress.Table {
	t := newTable(publicNames[byCounty], []string{"county", "administered_date"}, doseCounts, []string{"california_flag"})
	for _, row := range day.Rows {
		if day.get(row, "administered_date") > until || day.get(row, "total_doses") == "0" {
			continue
		}
		line := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			line[i] = day.get(row, c)
		}
		put(t, line)
	}
	return t
}

func sortedKeys(m map[[3]string][]int64) [][3]string {
	return slices.SortedFunc(maps.Keys(m), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) })
}

// peopleTable is what was reached by a day, by county and demographic group.
func peopleTable(groups counts, until string) (*suppress.Table, error) {
	sums, people := map[[3]string][]int64{}, map[[3]string]string{}
	for _, row := range groups.Rows {
		k := [3]string{groups.get(row, "county"), groups.get(row, "demographic_category"), groups.get(row, "demographic_value")}
		if groups.get(row, "administered_date") <= until {
			sums[k], people[k] = groups.add(sums[k], row), groups.get(row, "est_population")
		}
	}
	t := newTable(publicNames[byCountyDemographic], []string{"county", "demographic_category", "demographic_value", "est_population", "as_of_date"},
		peopleCounts, []string{"at_least_one_per_10000", "fully_per_10000"})
	for _, k := range sortedKeys(sums) {
		fully, one := sums[k][0], sums[k][1]
		if one < fully {
			return nil, fmt.Errorf("%s, %s: more people complete than with a dose", k[0], k[2])
		}
		pop, _ := strconv.ParseInt(people[k], 10, 64) // empty: not known
		row := append(append(k[:], people[k], until), texts([]int64{one - fully, fully, one})...)
		put(t, append(row, per10000(one, pop), per10000(fully, pop)))
	}
	return t, nil
}

func per10000(n, people int64) string {
	if people <= 0 {
		return ""
	}
	return strconv.FormatInt((20_000*n+people)/(2*people), 10)
}

// zipTable is what people of a ZIP had by a day. A person counts where the
// county of residence is the ZIP's: then the ZIPs of a county are never more
// than the county.
func zipTable(root string, asOf time.Time) (*suppress.Table, error) {
	until := int32(asOf.Unix() / 86400)
	t := newTable(publicNames[byZIP], []string{"zip_code_tabulation_area", "county", "vaccine_equity_metric_quartile", "as_of_date"}, zipCounts, []string{"redacted"})
	for _, c := range dose.Counties() {
		at, err := zipsOf(filepath.Join(root, "counties", c.FIPS, "recipient.parquet"), c.FIPS, until)
		if err != nil {
			return nil, err
		}
		for _, zip := range dose.ZIPs(c.FIPS) {
			n := at[zip]
			if n == nil {
				n = make([]int64, len(zipCounts))
			}
			quartile := ""
			if _, q, _ := dose.ZIP(zip); q > 0 {
				quartile = strconv.Itoa(q)
			}
			put(t, append(append([]string{zip, c.Name, quartile, asOf.Format(time.DateOnly)}, texts(n)...), "No"))
		}
	}
	slices.SortFunc(t.Rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return t, nil
}

// zipsOf counts the residents of one county by ZIP: partial, complete, with a
// dose, with a booster.
func zipsOf(path, fips string, until int32) (map[string][]int64, error) {
	f, p, err := openParquet(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names := []string{"recip_address_zip", "visible_because", "ds1_admin_date", "fully_vaccinated_date", "booster_date"}
	at := make([]int, len(names))
	for i, name := range names {
		leaf, ok := p.Schema().Lookup(name)
		if !ok {
			return nil, fmt.Errorf("%s has no %s: %w", filepath.Base(path), name, dose.ErrInvalid)
		}
		at[i] = leaf.ColumnIndex
	}
	out := map[string][]int64{}
	cols := make([]source, len(names))
	for _, g := range p.RowGroups() {
		for i := range cols {
			k := intLayout
			if i < 2 {
				k = textLayout
			}
			if err := cols[i].load(k, g.ColumnChunks()[at[i]], int(g.NumRows())); err != nil {
				return nil, err
			}
		}
		for row := range int32(g.NumRows()) {
			zip, _ := cols[0].value(row)
			zip, _, _ = strings.Cut(strings.TrimSpace(zip), "-")
			if why, _ := cols[1].value(row); why == because[1] {
				continue // lives elsewhere
			}
			if of, _, ok := dose.ZIP(zip); ok && of == fips {
				out[zip] = countPerson(out[zip], cols, row, until)
			}
		}
	}
	return out, nil
}

func countPerson(n []int64, cols []source, row, until int32) []int64 {
	if n == nil {
		n = make([]int64, len(zipCounts))
	}
	by := func(i int) bool { d := cols[i].at[row]; return d >= 0 && cols[i].i32[d] <= until }
	switch {
	case by(3):
		n[1]++
	case by(2):
		n[0]++
	default:
		return n
	}
	n[2]++
	if by(3) && by(4) {
		n[3]++
	}
	return n
}
