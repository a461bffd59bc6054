package synth

import (
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// Days that changed what was given to whom in California (FDA and CDPH
// announcements; product windows are dose.Products').
const (
	rollout       = 18610 // 2020-12-14, first doses
	modernaFrom   = 18617 // 2020-12-21
	janssenFrom   = 18689 // 2021-03-03
	pauseFrom     = 18730 // 2021-04-13, Janssen paused …
	pauseTo       = 18741 // … to 2021-04-24
	from12        = 18759 // 2021-05-12, 12 to 15 years
	mid2021       = 18809 // 2021-07-01
	boost65       = 18894 // 2021-09-24, boosters for 65+
	boostAll      = 18921 // 2021-10-21
	from5         = 18934 // 2021-11-03, 5 to 11 years
	boost12       = 18997 // 2022-01-05
	boost5        = 19129 // 2022-05-17
	secondBoost   = 19080 // 2022-03-29, 50+
	fromMonths6   = 19161 // 2022-06-18, 6 months to 4 years; Moderna under 18
	novavaxFrom   = 19193 // 2022-07-20
	bivalentFrom  = 19237 // 2022-09-02
	bivalent5     = 19278 // 2022-10-13
	bivalentBaby  = 19335 // 2022-12-09
	bivalentOnly  = 19466 // 2023-04-19, original formulas end
	seasonFrom    = 19613 // 2023-09-13
	novavax2023   = 19633 // 2023-10-03
	season2024    = 19958 // 2024-08-23
	season2025    = 20328 // 2025-08-28
	lastThrough   = 20634 // 2026-06-30
	lifetimeDoses = 12
)

type maker int8

const (
	pfizer maker = iota
	moderna
	janssen
	novavax
)

type product struct {
	ndc, mvx, cvxText string
	cvx, from, to     int
	maker             maker
}

// newProducts takes the units of use from dose.Products.
func newProducts() ([]product, map[int][]int, error) {
	makers := map[string]maker{"PFR": pfizer, "MOD": moderna, "JSN": janssen, "NVX": novavax}
	var out []product
	by := make(map[int][]int)
	for _, p := range dose.Products() {
		m, known := makers[p.MVX]
		if !known || !p.UnitOfUse {
			continue
		}
		from, err := parseDay(p.From)
		if err != nil {
			return nil, nil, fmt.Errorf("product %s: %w", p.NDC, err)
		}
		to := lastThrough
		if p.To != "" {
			if to, err = parseDay(p.To); err != nil {
				return nil, nil, fmt.Errorf("product %s: %w", p.NDC, err)
			}
		}
		by[p.CVX] = append(by[p.CVX], len(out))
		out = append(out, product{p.NDC, p.MVX, fmt.Sprint(p.CVX), p.CVX, from, to, m})
	}
	return out, by, nil
}

// offered is the CVX that a maker's customer of that age got on that day; 0
// when there was none.
func offered(m maker, day, months int, booster bool) int {
	switch m {
	case pfizer:
		return pfizerOn(day, months, booster)
	case moderna:
		return modernaOn(day, months, booster)
	case janssen:
		if months >= 18*12 && day >= janssenFrom && (day < pauseFrom || day >= pauseTo) {
			return 212
		}
	case novavax:
		switch {
		case months < 12*12 || day < novavaxFrom || months < 18*12 && day < novavaxFrom+30:
		case day < novavax2023:
			return 211
		default:
			return 313
		}
	}
	return 0
}

func pfizerOn(day, months int, booster bool) int {
	switch {
	case day < from12 && months < 16*12, day < from5 && months < 12*12, day < fromMonths6 && months < 5*12, months < 6:
		return 0
	case day >= seasonFrom:
		return byAge(months, 308, 310, 309)
	case day >= bivalentFrom && (booster || day >= bivalentOnly):
		return bivalent(day, byAge(months, 302, 301, 300), byAge(months, 219, 218, 300))
	case months >= 12*12 && day < boost12:
		return 208
	}
	return byAge(months, 219, 218, 217)
}

func byAge(months, baby, child, rest int) int {
	switch {
	case months < 5*12:
		return baby
	case months < 12*12:
		return child
	}
	return rest
}

// bivalent boosters came for 12 and over first, then from 5, then from 6 months.
func bivalent(day, cvx, before int) int {
	if cvx == 301 && day < bivalent5 || (cvx == 302 || cvx == 230) && day < bivalentBaby {
		return before
	}
	return cvx
}

func modernaOn(day, months int, booster bool) int {
	switch {
	case day < modernaFrom, day < fromMonths6 && months < 18*12, months < 6:
		return 0
	case day >= seasonFrom && months < 12*12:
		return 311
	case day >= seasonFrom:
		return 312
	case day >= bivalentFrom && (booster || day >= bivalentOnly):
		if months < 6*12 {
			return bivalent(day, 230, 228)
		}
		if months < 12*12 && day < bivalent5 {
			return 221
		}
		return 229
	case months < 6*12:
		return 228
	case months < 12*12, booster && day >= secondBoost+7:
		return 221
	}
	return 207
}

// product picks an NDC of that CVX on the market on that day; -1 when none was.
func (w *world) product(cvx, day int, draw uint64) int {
	var fit [8]int
	n := 0
	for _, i := range w.byCVX[cvx] {
		if p := &w.products[i]; p.from <= day && day <= p.to && n < len(fit) {
			fit[n] = i
			n++
		}
	}
	if n == 0 {
		return -1
	}
	return fit[draw%uint64(n)]
}

// eligible is the first day on which somebody born then could get a dose.
func (w *world) eligible(born int) int {
	if w.cal.months(born, rollout) >= 16*12 {
		return rollout
	}
	best := lastThrough + 1
	for _, t := range [...]struct{ day, months int }{{rollout, 16 * 12}, {from12, 12 * 12}, {from5, 5 * 12}, {fromMonths6, 6}} {
		if d := max(t.day, w.cal.birthday(born, t.months)); d < best {
			best = d
		}
	}
	return best
}
