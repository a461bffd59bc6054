package transform

import "github.com/dosebook/dosebook/dose"

// checkVaccine looks at CVX, NDC and date together.
func (m *Mapper) checkVaccine() {
	m.doing = dose.VaccineOther
	sent, early := m.sentCVX(), make([]bool, len(m.admin))
	for e, d := range m.admin {
		early[e] = beforeEUA(d)
	}
	unknown := read(&m.cols[rawNDC], func(s string) bool { _, ok := m.opt.Codes.Product(s); return !ok })
	cvxs, ndcs, days := m.cols[rawCVX].codes, m.cols[rawNDC].codes, m.cols[rawAdminDate].codes
	for i, cvx := range m.cvx {
		v := m.fixed.vaccine(cvx)
		if v.name == "" {
			m.add(i, dose.CodeUnknown, rawCVX)
		}
		if v.other {
			m.add(i, dose.VaccineOther, rawCVX)
		}
		if sent[cvxs[i]] < 0 {
			m.add(i, dose.CVXFromNDC, rawCVX)
		}
		if v.product && unknown[ndcs[i]] {
			m.add(i, dose.CodeUnknown, rawNDC)
		}
		if v.american && early[days[i]] {
			m.add(i, dose.DoseBeforeEUA, rawAdminDate)
		}
	}
}

// checkUse holds the vaccine against the dates and ages of its usual use. A
// date that is known in part is wrong only when every day of it is. Refusals
// are no use of a vaccine; unspecified codes are in use whenever somebody
// doesn't know more.
func (m *Mapper) checkUse() {
	m.doing = dose.CVXOutsideDates
	day, born := spans(m.admin), spans(m.dob)
	fresh, refused := m.sources(), m.refusals()
	days, dobs, from := m.cols[rawAdminDate].codes, m.cols[rawDOB].codes, m.cols[rawInfoSource].codes
	for i, cvx := range m.cvx {
		v := m.fixed.vaccine(cvx)
		d := &day[days[i]]
		if v.name == "" || v.other || !d.ok || refused != nil && refused[i] {
			continue
		}
		if !v.vague && (d.last < v.from || v.to > 0 && d.first > v.to) {
			m.add(i, dose.CVXOutsideDates, rawCVX)
		}
		if b := &born[dobs[i]]; v.max > 0 && b.ok {
			if low, high := months(b.to, d.from), months(b.from, d.to); high >= 0 && high < v.min || low > v.max {
				m.add(i, dose.CVXOutsideAges, rawCVX)
			}
		}
		if v.vague && fresh[from[i]] == byGiver {
			m.add(i, dose.CVXUnspecific, rawCVX)
		}
	}
}

// checkProduct holds NDC and manufacturer against the vaccine, and the NDC
// against the time it was on the market.
func (m *Mapper) checkProduct() {
	type product struct{ cvx, from, to int32 }
	m.doing = dose.CVXAgainstNDC
	sold := read(&m.cols[rawNDC], func(s string) product {
		p, ok := m.opt.Codes.Product(s)
		if !ok {
			return product{cvx: -1}
		}
		return product{int32(p.CVX), parseDate(p.From).day, parseDate(p.To).day}
	})
	sold[0].cvx = -1
	makes := table(&m.cols[rawMVX], m.maker)
	day := spans(m.admin)
	ndcs, mvxs, days := m.cols[rawNDC].codes, m.cols[rawMVX].codes, m.cols[rawAdminDate].codes
	for i, cvx := range m.cvx {
		if p := &sold[ndcs[i]]; p.cvx >= 0 {
			if p.cvx != cvx {
				m.add(i, dose.CVXAgainstNDC, rawNDC)
			}
			if d := &day[days[i]]; d.ok && (d.last < p.from || p.to > 0 && d.first > p.to) {
				m.add(i, dose.NDCOutsideDates, rawNDC)
			}
		}
		if made := makes[mvxs[i]]; made != "" {
			if v := m.fixed.vaccine(cvx); v.mvx != "" && v.mvx != made {
				m.add(i, dose.CVXAgainstMVX, rawMVX)
			}
		}
	}
}

// maker is the manufacturer that an MVX names: none where the code is unknown,
// or says so, and Janssen by its older code (CDC MVX table).
func (m *Mapper) maker(mvx string) string {
	if _, known := m.cols[rawMVX].set.Name(mvx); !known {
		return ""
	}
	switch mvx {
	case "UNK", "OTH":
		return ""
	case "JNJ":
		return "JSN"
	}
	return mvx
}
