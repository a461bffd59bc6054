package dose

import "strings"

// Vaccine is one CVX code.
type Vaccine struct {
	CVX          int
	Name         string // the short name in use
	Manufacturer string // short name; empty where the code names none
	MVX          string
	Class        string // original, bivalent, seasonal, non-us, unspecified, placeholder; other when no COVID-19 vaccine
	COVID        bool
	From, To     string // usual use, ISO dates; empty when open
	MinMonths    int    // usual age from …
	MaxMonths    int    // … to; 0 when open
	CountsUS     bool   // counts toward immunity in the US (CDC's CVX notes)

	// As CDC lists it.
	Short, Status, Updated, Group string // Group holds several, joined by "; "
	NonVaccine                    bool
}

// Product is one NDC: a unit of use or a unit of sale.
type Product struct {
	NDC, TradeName, MVX string
	CVX                 int
	From, To            string // marketed, ISO dates; To empty when still listed
	UnitOfUse           bool
	Use                 string // of a unit of sale: the NDC of its unit of use
}

var makers = map[string]string{
	"PFR": "Pfizer", "MOD": "Moderna", "JSN": "Janssen", "NVX": "Novavax", "PMC": "Sanofi", "ASZ": "AstraZeneca",
	"BBI": "Bharat", "SNV": "Sinovac", "SPH": "Sinopharm", "CAN": "CanSino", "MDO": "Medicago", "VAL": "Valneva",
}

// VaccineByCVX returns the vaccine with that code, by the built-in tables.
func VaccineByCVX(cvx int) (Vaccine, bool) { return Builtin().Vaccine(cvx) }

// Vaccines returns all CVX codes of the built-in tables, by code.
func Vaccines() []Vaccine { return Builtin().Vaccines() }

// Products returns all COVID-19 products of the built-in tables, by NDC.
func Products() []Product { return Builtin().Products() }

// ProductByNDC returns the COVID-19 product of an NDC in any spelling, by the
// built-in tables.
func ProductByNDC(ndc string) (Product, bool) { return Builtin().Product(ndc) }

// NormalizeNDC is CodeTables.NormalizeNDC by the built-in tables.
func NormalizeNDC(s string) (string, bool) { return Builtin().NormalizeNDC(s) }

// NormalizeNDC returns the NDC as 11 digits, dashed 5-4-2. It takes dashed
// NDCs of 4-4-2, 5-3-2, 5-4-1 and 5-4-2 and 11 bare digits; 10 bare digits
// don't say which part lost its zero, so they are taken only when exactly
// one way of padding gives a known product (domain: CDC NDC crosswalk).
func (t *CodeTables) NormalizeNDC(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if parts := strings.Split(s, "-"); len(parts) == 3 {
		return padNDC(parts[0], parts[1], parts[2])
	}
	switch {
	case !digits(s):
		return "", false
	case len(s) == 11:
		return padNDC(s[:5], s[5:9], s[9:])
	case len(s) == 10:
		return t.guessNDC(s)
	}
	return "", false
}

func padNDC(labeler, product, pack string) (string, bool) {
	if !digits(labeler) || !digits(product) || !digits(pack) {
		return "", false
	}
	short := max(5-len(labeler), 0) + max(4-len(product), 0) + max(2-len(pack), 0)
	if len(labeler) > 5 || len(product) > 4 || len(pack) > 2 || short > 1 {
		return "", false
	}
	zero := func(s string, n int) string { return "00"[:n-len(s)] + s }
	return zero(labeler, 5) + "-" + zero(product, 4) + "-" + zero(pack, 2), true
}

func (t *CodeTables) guessNDC(s string) (string, bool) {
	found := ""
	for _, cut := range [3][2]int{{4, 8}, {5, 8}, {5, 9}} {
		n, _ := padNDC(s[:cut[0]], s[cut[0]:cut[1]], s[cut[1]:])
		if _, ok := t.products[n]; ok {
			if found != "" {
				return "", false
			}
			found = n
		}
	}
	return found, found != ""
}

// First days of the seasons that share CVX codes: the day each formula was
// first marketed (CDC NDC table: XBB.1.5, then KP.2 and JN.1, then LP.8.1).
const (
	season2024 = 19957 // 2024-08-22
	season2025 = 20327 // 2025-08-27
)

// VaccineType returns original, bivalent, 2023-24, 2024-25, 2025-26, non-us,
// unspecified, placeholder or other. Seasonal vaccines keep their CVX over
// the years: the NDC tells the season when it is one of that CVX, else the
// date does (days since 1970-01-01).
func (t *CodeTables) VaccineType(cvx int, ndc string, adminDate int32) string {
	v, ok := t.vaccines[cvx]
	if !ok {
		return "other"
	}
	if v.Class != "seasonal" {
		return v.Class
	}
	if p, ok := t.Product(ndc); ok && p.CVX == cvx {
		return seasonOf(p.From)
	}
	return SeasonOn(adminDate)
}

// VaccineType is CodeTables.VaccineType by the built-in tables.
func VaccineType(cvx int, ndc string, adminDate int32) string {
	return Builtin().VaccineType(cvx, ndc, adminDate)
}

// SeasonOn returns the season whose formula was marketed on that day.
func SeasonOn(day int32) string {
	switch {
	case day < season2024:
		return "2023-24"
	case day < season2025:
		return "2024-25"
	}
	return "2025-26"
}

// SeasonStart returns a day of the season that SeasonOn names.
func SeasonStart(season string) int32 {
	switch season {
	case "2023-24":
		return season2024 - 1
	case "2024-25":
		return season2024
	}
	return season2025
}

func seasonOf(from string) string {
	switch {
	case from < "2024-08-22":
		return "2023-24"
	case from < "2025-08-27":
		return "2024-25"
	}
	return "2025-26"
}

// Maker returns the product column of county_day that the CVX counts in:
// pfizer, moderna, janssen, or none. The bivalent BA.1 vaccines of other
// countries count in none of them.
func Maker(cvx int) string {
	switch cvx {
	case 208, 217, 218, 219, 300, 301, 302, 308, 309, 310:
		return "pfizer"
	case 207, 221, 227, 228, 229, 230, 311, 312:
		return "moderna"
	case 212:
		return "janssen"
	}
	return ""
}

// Manufacturer returns the short name of a maker of COVID-19 vaccines by MVX
// code, or nothing.
func Manufacturer(mvx string) string { return makers[mvx] }
