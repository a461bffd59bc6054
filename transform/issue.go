package transform

import "github.com/dosebook/dosebook/dose"

// collector gathers issues column by column and hands them out row by row.
type collector struct{ found []dose.Issue }

func (c *collector) reset() { c.found = c.found[:0] }

func (c *collector) add(row int, check dose.Check, field int) {
	c.found = append(c.found, dose.Issue{Row: int32(row), Check: check, Field: uint16(field)})
}

// sorted returns the issues by row, in each row in the order they were found,
// without those of deletes: of a delete nothing but the key is used.
func (c *collector) sorted(n int, line []int64, dead []bool) []dose.Issue {
	if len(c.found) == 0 {
		return nil
	}
	at := make([]int32, n+1)
	for _, is := range c.found {
		if !dead[is.Row] {
			at[is.Row+1]++
		}
	}
	for i := range n {
		at[i+1] += at[i]
	}
	out := make([]dose.Issue, at[n])
	for _, is := range c.found {
		if dead[is.Row] {
			continue
		}
		is.Line = line[is.Row]
		out[at[is.Row]] = is
		at[is.Row]++
	}
	return out
}

// flag adds an issue to every row whose code is bad. Where no entry is bad,
// which is the rule, no row is looked at.
func (m *Mapper) flag(field int, check dose.Check, bad func(code int) bool) {
	c := &m.cols[field]
	table := make([]bool, c.entries()+1)
	any := false
	for e := range table {
		table[e] = bad(e)
		any = any || table[e]
	}
	if !any {
		return
	}
	for i, code := range c.codes {
		if table[code] {
			m.issues.add(i, check, field)
		}
	}
}

// check looks for what is wrong with rows that load. The checks on county and
// dates of one row are made where these are derived.
func (m *Mapper) check() {
	for i := range m.cols {
		if set := m.cols[i].set; set != nil {
			check := dose.CodeUnknown
			if i == rawExtType {
				check = dose.ExtTypeBad
			}
			m.flag(i, check, func(e int) bool {
				if e == 0 {
					return false
				}
				_, ok := set.Name(m.cols[i].dict.Value(e - 1))
				return !ok
			})
		}
	}
	for _, i := range m.required {
		m.checkBlank(i, dose.RequiredBlank)
	}
	m.checkBlank(rawRecipID, dose.RecipientMissing)
	m.checkDates()
	m.checkVaccine()
}

func (m *Mapper) checkBlank(field int, check dose.Check) {
	c := &m.cols[field]
	if !c.long {
		for i, code := range c.codes {
			if code == 0 {
				m.issues.add(i, check, field)
			}
		}
		return
	}
	if c.text.NullN() == 0 {
		return
	}
	for i := range m.n {
		if c.text.IsNull(i) {
			m.issues.add(i, check, field)
		}
	}
}

// checkDates looks at each date by itself, then at birth and dose together.
func (m *Mapper) checkDates() {
	expiry := table(&m.cols[rawExpiration], parseDate)
	m.flag(rawDOB, dose.DateBad, func(e int) bool { return m.dob[e].prec == badDate })
	m.flag(rawExpiration, dose.DateBad, func(e int) bool { return expiry[e].prec == badDate })
	partial := func(d date) bool { return d.prec == yearOnly || d.prec == monthOnly }
	m.flag(rawDOB, dose.DatePartial, func(e int) bool { return partial(m.dob[e]) })
	m.flag(rawAdminDate, dose.DatePartial, func(e int) bool { return partial(m.admin[e]) })
	m.flag(rawExpiration, dose.DatePartial, func(e int) bool { return expiry[e].prec == yearOnly }) // a month is what labels say
	if m.opt.Today > 0 {
		future := func(d date) bool { return d.ok() && d.day > m.opt.Today }
		m.flag(rawDOB, dose.BornInFuture, func(e int) bool { return future(m.dob[e]) })
		m.flag(rawAdminDate, dose.DoseInFuture, func(e int) bool { return future(m.admin[e]) })
	}
	dobs := m.cols[rawDOB].codes
	for i, code := range m.cols[rawAdminDate].codes {
		if bornAfter(m.dob[dobs[i]], m.admin[code]) {
			m.issues.add(i, dose.BornAfterDose, rawDOB)
		}
	}
	m.flag(rawSourceTime, dose.DateBad, func(e int) bool {
		return e > 0 && m.sourceTime[e] == noTime
	})
}

// checkVaccine looks at CVX, NDC and date together.
func (m *Mapper) checkVaccine() {
	sent, early := m.sentCVX(), make([]bool, len(m.admin))
	for e, d := range m.admin {
		early[e] = beforeEUA(d)
	}
	unknown := table(&m.cols[rawNDC], func(s string) bool { _, ok := dose.ProductByNDC(s); return !ok })
	cvxs, ndcs, days := m.cols[rawCVX].codes, m.cols[rawNDC].codes, m.cols[rawAdminDate].codes
	for i, cvx := range m.cvx {
		v := m.fixed.vaccine(cvx)
		if v.name == "" {
			m.issues.add(i, dose.CodeUnknown, rawCVX)
		}
		if v.other {
			m.issues.add(i, dose.VaccineOther, rawCVX)
		}
		if sent[cvxs[i]] < 0 {
			m.issues.add(i, dose.CVXFromNDC, rawCVX)
		}
		if v.product && unknown[ndcs[i]] {
			m.issues.add(i, dose.CodeUnknown, rawNDC)
		}
		if v.american && early[days[i]] {
			m.issues.add(i, dose.DoseBeforeEUA, rawAdminDate)
		}
	}
}
