package dose

import (
	"fmt"
	"slices"
	"strings"
)

// CodeChange is one difference between two editions of the code tables.
type CodeChange struct {
	Set   string `json:"set"`  // cvx, mvx, ndc, trade
	Code  string `json:"code"` // of a trade name: name, CVX and MVX
	Kind  string `json:"kind"` // added, removed, changed
	Field string `json:"field,omitempty"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// CodeSets are the sets that can be listed, shown and compared.
func CodeSets() []string { return []string{"cvx", "mvx", "ndc", "trade"} }

// CodeEntry is one entry of a set, as it is listed. Fields are in the order of
// CodeFields; an empty one says nothing.
type CodeEntry struct {
	Code   string
	Fields []string
	COVID  bool // of a COVID-19 vaccine, or its maker
}

// CodeFields are the names of the fields of a set's entries.
func CodeFields(set string) []string {
	switch set {
	case "cvx":
		return []string{"name", "status", "updated", "group", "mvx", "class", "from", "to", "counts_us", "no_vaccine", "description"}
	case "mvx":
		return []string{"name", "status", "updated"}
	case "ndc":
		return []string{"trade_name", "cvx", "mvx", "from", "to", "unit", "unit_of_use"}
	case "trade":
		return []string{"status", "updated"}
	}
	return nil
}

// Entries lists a set, by code.
func (t *CodeTables) Entries(set string) []CodeEntry {
	yesNo := func(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }
	var out []CodeEntry
	switch set {
	case "cvx":
		for _, v := range t.Vaccines() {
			counts := ""
			if v.COVID {
				counts = yesNo(v.CountsUS)
			}
			out = append(out, CodeEntry{fmt.Sprint(v.CVX), []string{v.Name, v.Status, v.Updated, v.Group, v.MVX, v.Class, v.From, v.To, counts, yesNo(v.NonVaccine), v.Short}, v.COVID})
		}
	case "mvx":
		for _, m := range t.Makers() {
			out = append(out, CodeEntry{m.MVX, []string{m.Name, m.Status, m.Updated}, makers[m.MVX] != ""})
		}
	case "ndc":
		for _, p := range t.Products() {
			unit := map[bool]string{true: "use", false: "sale"}[p.UnitOfUse]
			out = append(out, CodeEntry{p.NDC, []string{p.TradeName, fmt.Sprint(p.CVX), p.MVX, p.From, p.To, unit, p.Use}, true})
		}
	case "trade":
		for _, n := range t.trade {
			out = append(out, CodeEntry{fmt.Sprintf("%s (CVX %d, %s)", n.Name, n.CVX, n.MVX), []string{n.Status, n.Updated}, t.vaccines[n.CVX].COVID})
		}
	}
	return out
}

// Diff lists what is other in next than in t, by set and code.
func (t *CodeTables) Diff(next *CodeTables) []CodeChange {
	out := []CodeChange{}
	for _, set := range CodeSets() {
		was, is := byCode(t.Entries(set)), byCode(next.Entries(set))
		fields := CodeFields(set)
		var codes []string
		for _, e := range slices.Concat(t.Entries(set), next.Entries(set)) {
			codes = append(codes, e.Code)
		}
		slices.SortFunc(codes, func(a, b string) int {
			if len(a) != len(b) && set == "cvx" {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		for _, code := range slices.Compact(codes) {
			a, old := was[code]
			b, now := is[code]
			switch {
			case !old:
				out = append(out, CodeChange{Set: set, Code: code, Kind: "added", To: b[0]})
			case !now:
				out = append(out, CodeChange{Set: set, Code: code, Kind: "removed", From: a[0]})
			default:
				for i := range fields {
					if a[i] != b[i] {
						out = append(out, CodeChange{set, code, "changed", fields[i], a[i], b[i]})
					}
				}
			}
		}
	}
	return out
}

func byCode(entries []CodeEntry) map[string][]string {
	m := map[string][]string{}
	for _, e := range entries {
		m[e.Code] = e.Fields
	}
	return m
}
