package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
)

func codesCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "codes",
		Short: "CDC's code sets: list, show, bring up to date",
		Long: `CVX, MVX, trade names and NDC as CDC publishes them are built in, with their
dates. A data directory may hold newer ones, which then are in force there.`,
	}
	c.AddCommand(codesListCommand(e), codesShowCommand(e), codesUpdateCommand(e))
	return c
}

// codesNow returns the tables in force in the data directory, if there is one.
func (e *env) codesNow() (*dose.CodeTables, error) { return codesInForce(e.data) }

func codesListCommand(e *env) *cobra.Command {
	var set string
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List the codes in force", Args: cobra.NoArgs,
		Long: `List the codes in force. The NDC set holds COVID-19 products only; the others
hold all that CDC lists, and --all shows those that are no COVID-19 vaccine's too.`,
		Example: `  dosebook codes list
  dosebook codes list --set ndc --json | jq -r '.codes[] | select(.cvx == "309") | .code'`,
		RunE: func(*cobra.Command, []string) error {
			if set != "" && !slices.Contains(dose.CodeSets(), set) {
				return fmt.Errorf("--set %q is not one of %s: %w", set, strings.Join(dose.CodeSets(), ", "), dose.ErrInvalid)
			}
			return e.listCodes(set, all)
		},
	}
	c.Flags().StringVar(&set, "set", "", "cvx, mvx, ndc or trade (default: how many each has)")
	c.Flags().BoolVar(&all, "all", false, "vaccines against other diseases too")
	return c
}

func (e *env) listCodes(set string, all bool) error {
	t, err := e.codesNow()
	if err != nil {
		return err
	}
	if set == "" {
		return e.countCodes(t)
	}
	fields := dose.CodeFields(set)
	type object = map[string]string
	list := []object{}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	if !e.json {
		fmt.Fprintln(w, strings.ToUpper(strings.Join(append([]string{"code"}, fields...), "\t")))
	}
	for _, x := range t.Entries(set) {
		if !all && !x.COVID {
			continue
		}
		o := object{"code": x.Code}
		for i, f := range fields {
			o[f] = x.Fields[i]
		}
		list = append(list, o)
		if !e.json {
			fmt.Fprintln(w, plain(x.Code)+"\t"+strings.Join(mapAllText(x.Fields, plain), "\t"))
		}
	}
	if e.json {
		return e.printJSON(map[string]any{"set": set, "date": t.Date(), "codes": list})
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.say("%d codes, edition of %s", len(list), t.Date())
	return nil
}

func (e *env) countCodes(t *dose.CodeTables) error {
	counts := map[string]int{}
	for _, s := range dose.CodeSets() {
		counts[s] = len(t.Entries(s))
	}
	if e.json {
		return e.printJSON(map[string]any{"date": t.Date(), "built_in": dose.Builtin().Date(), "sets": counts})
	}
	for _, s := range dose.CodeSets() {
		e.say("%-6s %4d codes", s, counts[s])
	}
	e.say("edition of %s; built in: %s", t.Date(), dose.Builtin().Date())
	return nil
}

func codesShowCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "show CODE", Short: "Say what a CVX, NDC or MVX is, and how dosebook counts it", Args: cobra.ExactArgs(1),
		Example: `  dosebook codes show 208
  dosebook codes show 59267-1000-1
  dosebook codes show PFR`,
		RunE: func(_ *cobra.Command, args []string) error { return e.showCode(strings.TrimSpace(args[0])) },
	}
}

// shownCode is the JSON of codes show.
type shownCode struct {
	Set    string            `json:"set"`
	Code   string            `json:"code"`
	Date   string            `json:"date"` // of the tables
	Facts  map[string]string `json:"facts"`
	Counts []string          `json:"counts"` // how dosebook counts it, in sentences
	Names  []string          `json:"trade_names"`
	NDCs   []string          `json:"ndcs"`

	order []string
}

func (e *env) showCode(code string) error {
	t, err := e.codesNow()
	if err != nil {
		return err
	}
	s, err := showCode(t, code)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(s)
	}
	e.say("%s %s, edition of %s", strings.ToUpper(s.Set), plain(s.Code), s.Date)
	for _, f := range s.order {
		if v := s.Facts[f]; v != "" {
			e.say("  %-12s %s", f, plain(v))
		}
	}
	for _, n := range s.Names {
		e.say("  %-12s %s", "sold as", plain(n))
	}
	for _, n := range s.NDCs {
		e.say("  %-12s %s", "NDC", plain(n))
	}
	for _, c := range s.Counts {
		e.say("  %-12s %s", "counts", c)
	}
	return nil
}

// showCode finds a code in the sets: digits alone are a CVX, unless there are
// ten or more, which are an NDC.
func showCode(t *dose.CodeTables, code string) (shownCode, error) {
	s := shownCode{Date: t.Date(), Facts: map[string]string{}, Counts: []string{}, Names: []string{}, NDCs: []string{}}
	var cvx int
	if n, err := fmt.Sscanf(code, "%d", &cvx); n == 1 && err == nil && len(code) < 6 && !strings.Contains(code, "-") {
		if v, ok := t.Vaccine(cvx); ok {
			s.fill(t, "cvx", fmt.Sprint(cvx))
			s.vaccine(t, v)
			return s, nil
		}
	}
	if p, ok := t.Product(code); ok {
		s.fill(t, "ndc", p.NDC)
		v, _ := t.Vaccine(p.CVX)
		s.Facts["vaccine"] = v.Name
		s.order = append(s.order, "vaccine")
		s.Counts = append(s.Counts, "a row without a CVX gets CVX "+fmt.Sprint(p.CVX)+" from it")
		if v.Class == "seasonal" {
			s.Counts = append(s.Counts, "it is the vaccine of "+t.VaccineType(p.CVX, p.NDC, 0)+", whatever the day of the dose")
		}
		s.Counts = append(s.Counts, countsAs(v)...)
		return s, nil
	}
	if m, ok := t.Maker(strings.ToUpper(code)); ok {
		s.fill(t, "mvx", m.MVX)
		for _, v := range t.Vaccines() {
			if v.COVID && v.MVX == m.MVX {
				s.Counts = append(s.Counts, fmt.Sprintf("CVX %d, %s: %s", v.CVX, v.Name, strings.Join(countsAs(v), "; ")))
			}
		}
		return s, nil
	}
	return s, fmt.Errorf("%q is no CVX, MVX or COVID-19 NDC of the edition of %s; 'dosebook codes list --set cvx --all' shows all, 'dosebook codes update' brings newer ones: %w", code, t.Date(), dose.ErrNotFound)
}

func (s *shownCode) fill(t *dose.CodeTables, set, code string) {
	s.Set, s.Code = set, code
	for _, x := range t.Entries(set) {
		if x.Code == code {
			s.order = dose.CodeFields(set)
			for i, f := range s.order {
				s.Facts[f] = x.Fields[i]
			}
		}
	}
}

func (s *shownCode) vaccine(t *dose.CodeTables, v dose.Vaccine) {
	if m, ok := t.Maker(v.MVX); ok {
		s.Facts["maker"] = m.Name
		s.order = append(slices.Clone(s.order), "maker")
	}
	if v.MaxMonths > 0 {
		s.Facts["usual age"] = fmt.Sprintf("%d to %d months", v.MinMonths, v.MaxMonths)
		s.order = append(slices.Clone(s.order), "usual age")
	}
	for _, n := range t.TradeNames() {
		if n.CVX == v.CVX {
			s.Names = append(s.Names, fmt.Sprintf("%s (%s, %s)", n.Name, n.MVX, n.Status))
		}
	}
	for _, p := range t.Products() {
		if p.CVX == v.CVX {
			s.NDCs = append(s.NDCs, fmt.Sprintf("%s %s, unit of %s, %s to %s", p.NDC, p.TradeName, map[bool]string{true: "use", false: "sale"}[p.UnitOfUse], p.From, p.To))
		}
	}
	s.Counts = append(s.Counts, countsAs(v)...)
}

// countsAs says how a vaccine is counted (docs/CODES.md).
func countsAs(v dose.Vaccine) []string {
	switch {
	case v.NonVaccine:
		return []string{"no vaccine: not a dose"}
	case !v.COVID:
		return []string{"vaccine_type other: loaded with an issue, not a dose"}
	}
	typ := v.Class
	if typ == "seasonal" {
		typ = "2023-24, 2024-25 or 2025-26, by NDC, else by the day"
	}
	out := []string{"a COVID-19 dose, vaccine_type " + typ}
	if m := dose.Maker(v.CVX); m != "" {
		out = append(out, "county_day: in the column of "+m)
	} else {
		out = append(out, "county_day: in no maker's column")
	}
	if !v.CountsUS {
		out = append(out, "CDC does not count it toward immunity in the US")
	}
	return out
}

// readDownloads reads CDC's files out of a folder.
func readDownloads(dir string) (files map[string][]byte, names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s can't be read: %w", dir, dose.ErrInvalid)
	}
	files = map[string][]byte{}
	for _, x := range entries {
		form, ok := dose.CDCForm(x.Name())
		if !ok || !x.Type().IsRegular() {
			continue
		}
		if files[form] != nil {
			return nil, nil, fmt.Errorf("%s holds two files of %s; leave one: %w", dir, form, dose.ErrInvalid)
		}
		if st, err := x.Info(); err != nil || st.Size() > 64<<20 {
			return nil, nil, fmt.Errorf("%s is too big to be CDC's: %w", x.Name(), dose.ErrInvalid)
		}
		if files[form], err = os.ReadFile(filepath.Join(dir, x.Name())); err != nil {
			return nil, nil, err
		}
		names = append(names, x.Name())
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("%s holds none of CDC's files (cvx, mvx, tradename, vac2vg, NDC_Unit_use, NDC_Unit_sale, NDC_Linker; .xml or .txt): %w", dir, dose.ErrInvalid)
	}
	return files, names, nil
}

// proposed returns the tables that CDC's files in dir make of those in force.
func (e *env) proposed(_ context.Context, dir string) (now, next *dose.CodeTables, names []string, err error) {
	if now, err = e.codesNow(); err != nil {
		return nil, nil, nil, err
	}
	files, names, err := readDownloads(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	next, err = now.Update(files)
	return now, next, names, err
}
