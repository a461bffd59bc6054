package dose

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Update returns the tables that CDC's downloads make of t: CDC's facts as
// they are in files (by the names that CDCForm knows), what dosebook makes of
// a vaccine as it is in t. A set whose file is missing stays as it is. Codes
// that CDC never listed (the samples of October 2020) stay too.
func (t *CodeTables) Update(files map[string][]byte) (*CodeTables, error) {
	in := map[string][]cdcRow{}
	for form, text := range files {
		rows, err := readCDC(form, text)
		if err != nil {
			return nil, err
		}
		in[form] = rows
	}
	ndc := 0
	for _, form := range []string{"ndc_unit_use", "ndc_unit_sale", "ndc_linker"} {
		if in[form] != nil {
			ndc++
		}
	}
	if ndc != 0 && ndc != 3 {
		return nil, fmt.Errorf("NDC_Unit_use, NDC_Unit_sale and NDC_Linker belong together; give all three or none: %w", ErrInvalid)
	}
	out := &CodeTables{date: t.date, vaccines: maps.Clone(t.vaccines), products: maps.Clone(t.products), makers: maps.Clone(t.makers), trade: slices.Clone(t.trade)}
	steps := []func(map[string][]cdcRow) error{out.updateMVX, out.updateTrade, out.updateCVX, out.updateNDC}
	for _, step := range steps {
		if err := step(in); err != nil {
			return nil, err
		}
	}
	return out.finish(), nil
}

func (t *CodeTables) updateMVX(in map[string][]cdcRow) error {
	if in["mvx"] != nil {
		maps.DeleteFunc(t.makers, func(_ string, m MVXCode) bool { return m.Status != "" })
	}
	for i, r := range in["mvx"] {
		m := MVXCode{r["MVX_CODE"], r["Manufacturer Name"], r["Status"], t.seen(r["Last Updated"])}
		if m.MVX == "" || m.Name == "" || m.Status == "" {
			return incomplete("mvx", i)
		}
		t.makers[m.MVX] = m
	}
	return nil
}

func (t *CodeTables) updateTrade(in map[string][]cdcRow) error {
	if in["tradename"] == nil {
		return nil
	}
	t.trade = nil
	for i, r := range in["tradename"] {
		cvx, err := strconv.Atoi(r["CVXCode"])
		n := TradeName{r["CDC Product Name"], cvx, r["MVX Code"], r["Product name Status"], t.seen(r["Last Updated"])}
		if err != nil || n.Name == "" {
			return incomplete("tradename", i)
		}
		t.trade = append(t.trade, n)
	}
	slices.SortFunc(t.trade, func(a, b TradeName) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name), a.CVX-b.CVX, strings.Compare(a.MVX, b.MVX))
	})
	t.trade = slices.Compact(t.trade)
	return nil
}

func (t *CodeTables) updateCVX(in map[string][]cdcRow) error {
	groups, err := groupsOf(in["vac2vg"])
	if err != nil {
		return err
	}
	before := maps.Clone(t.vaccines)
	if in["cvx"] != nil {
		maps.DeleteFunc(t.vaccines, func(_ int, v Vaccine) bool { return v.Status != "" })
	}
	for i, r := range in["cvx"] {
		cvx, err := strconv.Atoi(r["CVXCode"])
		v, known := before[cvx]
		v.CVX, v.Short, v.Status, v.Updated = cvx, r["ShortDescription"], r["Status"], t.seen(r["LastUpdated"])
		if err != nil || v.Short == "" || v.Status == "" {
			return incomplete("cvx", i)
		}
		if flag, ok := r["nonvaccine"]; ok { // the XML form hasn't got it
			v.NonVaccine = strings.EqualFold(flag, "true") || flag == "1"
		}
		if g, ok := groups[cvx]; ok {
			v.Group = g
		}
		if !v.COVID {
			v.Name, v.Class = v.Short, "other"
		}
		if !known || !v.COVID && t.isCOVID(v) {
			t.classify(&v, r["Notes"])
		}
		t.vaccines[cvx] = v
	}
	for cvx, g := range groups {
		if v, ok := t.vaccines[cvx]; ok {
			v.Group = g
			t.vaccines[cvx] = v
		}
	}
	return nil
}

// groupsOf joins the vaccine groups of each CVX.
func groupsOf(rows []cdcRow) (map[int]string, error) {
	groups := map[int]string{}
	for i, r := range rows {
		cvx, err := strconv.Atoi(r["CVXCode"])
		if err != nil {
			return nil, incomplete("vac2vg", i)
		}
		if g := r["Vaccine Group Name"]; groups[cvx] == "" {
			groups[cvx] = g
		} else if !slices.Contains(strings.Split(groups[cvx], "; "), g) {
			groups[cvx] += "; " + g
		}
	}
	return groups, nil
}

var covidName = regexp.MustCompile(`(?i)\bcovid|\bsars-cov`)

func (t *CodeTables) isCOVID(v Vaccine) bool {
	return strings.Contains(v.Group, "COVID-19") || covidName.MatchString(v.Short)
}

// classify makes what dosebook makes of a COVID-19 vaccine that it does not
// know yet, by what CDC's status, description and notes have said of all
// those before it (a test holds it against each of them): usual windows stay
// open, and the maker is the one that all its trade names agree on.
func (t *CodeTables) classify(v *Vaccine, notes string) {
	if !t.isCOVID(*v) {
		return
	}
	v.COVID = true
	for _, n := range t.trade {
		if n.CVX == v.CVX {
			if v.MVX != "" && v.MVX != n.MVX {
				v.MVX = ""
				break
			}
			v.MVX = n.MVX
		}
	}
	v.Manufacturer = makers[v.MVX]
	v.Class, v.CountsUS = classOf(*v, notes)
}

var (
	counted    = regexp.MustCompile(`(?i)(count|recogniz)[a-z]*\s+towards?\s+immunity`)
	notCounted = regexp.MustCompile(`(?i)not\s+counted\s+towards?\s+immunity`)
)

func classOf(v Vaccine, notes string) (class string, counts bool) {
	american := v.Status != "Non-US" && v.Status != "Never Active"
	counts = american || counted.MatchString(notes) && !notCounted.MatchString(notes) ||
		strings.Contains(notes, "recognize towards immunity")
	low := strings.ToLower(v.Short + " " + notes)
	switch {
	case !american:
		return "non-us", counts
	case strings.Contains(v.Short, "UNSPECIFIED"):
		return "unspecified", counts
	case strings.Contains(low, "bivalent"):
		return "bivalent", counts
	case strings.Contains(low, "original monovalent"):
		return "original", counts
	}
	return "seasonal", counts
}

func (t *CodeTables) updateNDC(in map[string][]cdcRow) error {
	if in["ndc_linker"] == nil {
		return nil
	}
	use, err := t.unitsOf("ndc_unit_use", in)
	if err != nil {
		return err
	}
	sale, err := t.unitsOf("ndc_unit_sale", in)
	if err != nil {
		return err
	}
	for i, r := range in["ndc_linker"] {
		if r["sale"] == "" || r["use"] == "" {
			return incomplete("ndc_linker", i)
		}
		s, u := sale[r["sale"]], use[r["use"]] // some links dangle
		if s != nil {
			s.MVX = r["MVX Code"]
		}
		if u != nil {
			u.MVX = r["MVX Code"]
		}
		if s != nil && u != nil && s.Use == "" {
			s.Use = u.NDC
		}
	}
	clear(t.products)
	for _, p := range slices.Concat(slices.Collect(maps.Values(sale)), slices.Collect(maps.Values(use))) {
		if p.MVX == "" {
			p.MVX = t.vaccines[p.CVX].MVX
		}
		if old, ok := t.products[p.NDC]; !ok || !old.UnitOfUse {
			t.products[p.NDC] = *p
		}
	}
	return nil
}

// unitsOf reads the COVID-19 products of an NDC table, by CDC's own id.
func (t *CodeTables) unitsOf(form string, in map[string][]cdcRow) (map[string]*Product, error) {
	units := map[string]*Product{}
	for i, r := range in[form] {
		cvx, err := strconv.Atoi(r["CVXCode"])
		if err != nil {
			if r["CVXCode"] == "" {
				continue // a product that is no vaccine of the CVX table
			}
			return nil, incomplete(form, i)
		}
		updated := t.seen(r["Last Updated"])
		if !t.vaccines[cvx].COVID {
			continue
		}
		p := &Product{NDC: r["ndc"], TradeName: r["name"], CVX: cvx, From: cdcDate(r["from"]), To: cdcDate(r["to"]), UnitOfUse: form == "ndc_unit_use"}
		n, ok := t.NormalizeNDC(p.NDC)
		if !ok || r["id"] == "" || updated == "" && p.From == "" {
			return nil, incomplete(form, i)
		}
		p.NDC = n
		units[r["id"]] = p
	}
	return units, nil
}

// seen reads one of CDC's dates and moves the tables' own on.
func (t *CodeTables) seen(s string) string {
	d := cdcDate(s)
	t.date = max(t.date, d)
	return d
}

func incomplete(form string, entry int) error {
	return fmt.Errorf("CDC's %s table: entry %d lacks a field or has none that can be read: %w", form, entry+1, ErrInvalid)
}
