package dose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// CodeTables are CDC's code sets in one edition: CVX, MVX, trade names, NDC.
// They can't be changed. The edition that is built in is Builtin; a data
// directory may hold a newer one (docs/CODES.md).
//
// Two kinds of columns stand in them: CDC's facts, which an update carries
// over, and what dosebook makes of a COVID-19 vaccine (name in use, class,
// usual windows), which an update only adds to.
type CodeTables struct {
	date     string
	vaccines map[int]Vaccine
	products map[string]Product
	makers   map[string]MVXCode
	trade    []TradeName
	mvx      *CodeSet
}

// MVXCode is one manufacturer as CDC lists it.
type MVXCode struct {
	MVX, Name       string
	Status, Updated string // empty for the samples of October 2020
}

// TradeName is one name that a vaccine is sold under.
type TradeName struct {
	Name            string
	CVX             int
	MVX             string
	Status, Updated string
}

// CodeFiles are the names of the tables, in the order in which they are shown.
func CodeFiles() []string {
	return []string{"cvx.tsv", "vaccines.tsv", "mvx.tsv", "trade.tsv", "products.tsv"}
}

var builtin = sync.OnceValue(func() *CodeTables {
	t, err := ReadCodeTables(func(name string) ([]byte, error) { return tables.ReadFile("tables/" + name) })
	if err != nil {
		return &CodeTables{mvx: codeSet("Manufacturer", "")} // the tests find it
	}
	return t
})

// Builtin returns the tables that are part of the program.
func Builtin() *CodeTables { return builtin() }

// ReadCodeTables reads tables in dosebook's own layout; read returns the file
// of a name of CodeFiles.
func ReadCodeTables(read func(name string) ([]byte, error)) (*CodeTables, error) {
	t := &CodeTables{vaccines: map[int]Vaccine{}, products: map[string]Product{}, makers: map[string]MVXCode{}}
	rows := map[string][][]string{}
	for _, name := range CodeFiles() {
		text, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("code table %s: %w", name, err)
		}
		date, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), ":")
		if t.date = max(t.date, date); len(date) != len("2025-12-31") {
			return nil, fmt.Errorf("code table %s: the first line has no date: %w", name, ErrInvalid)
		}
		if rows[name] = splitTable(text, 9); len(rows[name]) == 0 {
			return nil, fmt.Errorf("code table %s is empty: %w", name, ErrInvalid)
		}
	}
	for _, r := range rows["cvx.tsv"] {
		cvx := number(r[0])
		t.vaccines[cvx] = Vaccine{CVX: cvx, Name: r[1], Class: "other", Short: r[1], Status: r[2], Updated: r[3], Group: r[4], NonVaccine: r[5] == "yes"}
	}
	for _, r := range rows["vaccines.tsv"] {
		v := t.vaccines[number(r[0])]
		v.CVX, v.Name, v.Manufacturer, v.MVX, v.Class, v.COVID = number(r[0]), r[1], makers[r[2]], r[2], r[3], true
		v.From, v.To, v.MinMonths, v.MaxMonths, v.CountsUS = r[4], r[5], number(r[6]), number(r[7]), r[8] == "yes"
		t.vaccines[v.CVX] = v
	}
	for _, r := range rows["mvx.tsv"] {
		t.makers[r[0]] = MVXCode{r[0], r[1], r[2], r[3]}
	}
	for _, r := range rows["trade.tsv"] {
		t.trade = append(t.trade, TradeName{r[0], number(r[1]), r[2], r[3], r[4]})
	}
	for _, r := range rows["products.tsv"] {
		t.products[r[0]] = Product{NDC: r[0], TradeName: r[1], MVX: r[2], CVX: number(r[3]), From: r[4], To: r[5], UnitOfUse: r[6] == "use", Use: r[7]}
	}
	return t.finish(), nil
}

// finish makes what follows from the tables: names of makers that dosebook
// has no short name for, and the value set of MVX.
func (t *CodeTables) finish() *CodeTables {
	for cvx, v := range t.vaccines {
		if v.COVID && v.MVX != "" && v.Manufacturer == "" {
			v.Manufacturer = t.makers[v.MVX].Name
			t.vaccines[cvx] = v
		}
	}
	t.mvx = &CodeSet{Title: "Manufacturer", Source: "CDC MVX table, " + t.date}
	for _, m := range t.Makers() {
		t.mvx.codes = append(t.mvx.codes, Code{m.MVX, m.Name})
	}
	return t
}

// Date is the day of the newest change in the tables, by CDC's own dates.
func (t *CodeTables) Date() string { return t.date }

// Vaccine returns the vaccine with that CVX.
func (t *CodeTables) Vaccine(cvx int) (Vaccine, bool) {
	v, ok := t.vaccines[cvx]
	return v, ok
}

// Vaccines returns all CVX codes that are known, by code.
func (t *CodeTables) Vaccines() []Vaccine {
	return sorted(t.vaccines, func(a, b Vaccine) int { return a.CVX - b.CVX })
}

// Products returns all known COVID-19 products, by NDC.
func (t *CodeTables) Products() []Product {
	return sorted(t.products, func(a, b Product) int { return strings.Compare(a.NDC, b.NDC) })
}

// Makers returns all manufacturers, by MVX.
func (t *CodeTables) Makers() []MVXCode {
	return sorted(t.makers, func(a, b MVXCode) int { return strings.Compare(a.MVX, b.MVX) })
}

// Maker returns the manufacturer with that MVX.
func (t *CodeTables) Maker(mvx string) (MVXCode, bool) {
	m, ok := t.makers[mvx]
	return m, ok
}

// MVX returns the value set of the raw column mvx.
func (t *CodeTables) MVX() *CodeSet { return t.mvx }

// TradeNames returns all trade names, by name and CVX.
func (t *CodeTables) TradeNames() []TradeName { return slices.Clone(t.trade) }

// Product returns the COVID-19 product of an NDC in any spelling.
func (t *CodeTables) Product(ndc string) (Product, bool) {
	n, ok := t.NormalizeNDC(ndc)
	if !ok {
		return Product{}, false
	}
	p, ok := t.products[n]
	return p, ok
}

func sorted[K comparable, V any](m map[K]V, by func(a, b V) int) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, by)
	return out
}

// Files returns the tables in dosebook's layout, by name: equal tables give
// equal bytes.
func (t *CodeTables) Files() map[string][]byte {
	yes := map[bool]string{true: "yes"}
	yesNo := map[bool]string{true: "yes", false: "no"}
	months := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	text := map[string]*strings.Builder{}
	for _, name := range CodeFiles() {
		text[name] = &strings.Builder{}
		fmt.Fprintf(text[name], "# %s: %s\n", t.date, heads[name])
	}
	row := func(name string, cells ...string) {
		for i := range cells {
			cells[i] = strings.Join(strings.Fields(cells[i]), " ") // a tab or line end would break the table
		}
		text[name].WriteString(strings.TrimRight(strings.Join(cells, "\t"), "\t") + "\n")
	}
	for _, v := range t.Vaccines() {
		cvx := fmt.Sprint(v.CVX)
		if v.Status != "" {
			row("cvx.tsv", cvx, v.Short, v.Status, v.Updated, v.Group, yes[v.NonVaccine])
		}
		if v.COVID {
			row("vaccines.tsv", cvx, v.Name, v.MVX, v.Class, v.From, v.To, months(v.MinMonths), months(v.MaxMonths), yesNo[v.CountsUS])
		}
	}
	for _, m := range t.Makers() {
		row("mvx.tsv", m.MVX, m.Name, m.Status, m.Updated)
	}
	for _, n := range t.trade {
		row("trade.tsv", n.Name, fmt.Sprint(n.CVX), n.MVX, n.Status, n.Updated)
	}
	for _, p := range t.Products() {
		row("products.tsv", p.NDC, p.TradeName, p.MVX, fmt.Sprint(p.CVX), p.From, p.To, map[bool]string{true: "use", false: "sale"}[p.UnitOfUse], p.Use)
	}
	out := map[string][]byte{}
	for name, b := range text {
		out[name] = []byte(b.String())
	}
	return out
}

// heads are the first lines of the tables, behind the date.
var heads = map[string]string{
	"cvx.tsv":      "CDC CVX table (cvx.xml, groups of vac2vg.xml). CVX, short description, status, last updated, vaccine groups, no vaccine.",
	"vaccines.tsv": "COVID-19 vaccines. CVX, name in use, MVX, class, usual use from, to, usual ages in months from, to, counts in the US. Class and count follow CDC's CVX status and notes, MVX tradename.xml, usual windows immregistries/codebase; 900-902 are CDC's samples of October 2020.",
	"mvx.tsv":      "CDC MVX table (mvx.xml). MVX, name, status, last updated; AAA and BBB are CDC's samples of October 2020.",
	"trade.tsv":    "CDC product names (tradename.xml). Name, CVX, MVX, status, last updated.",
	"products.tsv": "COVID-19 products of CDC's NDC tables (NDC_Unit_use, NDC_Unit_sale, NDC_Linker). NDC of 11 digits, trade name, MVX, CVX, marketed from, to, unit of use or of sale; of a unit of sale the NDC of its unit of use.",
}

// Meaning is what rules make of a row's vaccine.
type Meaning struct{ Name, Manufacturer, Type string }

// Meaning returns what transform derives of a CVX, NDC, MVX and day: a test
// holds that both agree.
func (t *CodeTables) Meaning(cvx int, ndc, mvx string, day int32) Meaning {
	v := t.vaccines[cvx]
	return Meaning{v.Name, cmp.Or(v.Manufacturer, makers[mvx]), t.VaccineType(cvx, ndc, day)}
}
