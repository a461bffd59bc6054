package transform

import "github.com/dosebook/dosebook/dose"

// Who gave the dose, by the information source (HL7 NIP001).
const (
	bySomebody uint8 = iota
	byGiver          // 00: the sender
	byAnother        // 01–08: historical
)

func (m *Mapper) sources() []uint8 {
	return read(&m.cols[rawInfoSource], func(s string) uint8 {
		switch {
		case s == "00":
			return byGiver
		case len(s) == 2 && s > "00" && s <= "08":
			return byAnother
		}
		return bySomebody
	})
}

// checkSource looks for doses that are reported as given by the sender and
// look historical, and the reverse.
func (m *Mapper) checkSource() {
	m.doing = dose.LooksHistorical
	c := &m.cols[rawInfoSource]
	if c.dict == nil {
		return
	}
	from, refused := m.sources(), m.refusals()
	lot, ndc, expiry := m.cols[rawLot].codes, m.cols[rawNDC].codes, m.cols[rawExpiration].codes
	site, route := m.cols[rawAdminSite].codes, m.cols[rawRoute].codes
	for i, code := range c.codes {
		if refused != nil && refused[i] {
			continue
		}
		switch from[code] {
		case byGiver:
			if lot[i]|ndc[i]|site[i]|route[i] == 0 {
				m.add(i, dose.LooksHistorical, rawInfoSource)
			}
		case byAnother:
			if lot[i] > 0 && expiry[i] > 0 && site[i] > 0 && route[i] > 0 {
				m.add(i, dose.LooksGiven, rawInfoSource)
			}
		}
	}
}

// refusals marks the rows that refuse a dose; nil when none does.
func (m *Mapper) refusals() []bool {
	refusal, completion := &m.cols[rawRefusal], &m.cols[rawCompletion]
	yes, re := table(refusal, func(s string) bool { return s == "YES" }), table(completion, func(s string) bool { return s == "RE" })
	if !some(yes) && !some(re) {
		return nil
	}
	out := make([]bool, m.n)
	for i, code := range refusal.codes {
		out[i] = yes[code] || re[completion.codes[i]]
	}
	return out
}

func some(t []bool) bool {
	for _, b := range t {
		if b {
			return true
		}
	}
	return false
}

// checkRefusal looks for refusals that say they are none, and the reverse.
func (m *Mapper) checkRefusal() {
	m.doing = dose.RefusalWithDose
	refused := m.refusals()
	reason := &m.cols[rawReason]
	if refused == nil && reason.dict == nil {
		return
	}
	complete := table(&m.cols[rawCompletion], func(s string) bool { return s == "CP" })
	lot, site, route, completion := m.cols[rawLot].codes, m.cols[rawAdminSite].codes, m.cols[rawRoute].codes, m.cols[rawCompletion].codes
	for i, why := range reason.codes {
		if refused == nil || !refused[i] {
			if why > 0 {
				m.add(i, dose.ReasonAlone, rawReason)
			}
			continue
		}
		if lot[i]|site[i]|route[i] != 0 {
			m.add(i, dose.RefusalWithDose, rawRefusal)
		}
		if complete[completion[i]] {
			m.add(i, dose.RefusedComplete, rawCompletion)
		}
	}
}

// checkFunding holds eligibility (HL7 0064) against the funding source (CDC
// PHVS_ImmunizationFundingSource: PHC70 private, VXC51 VFC).
func (m *Mapper) checkFunding() {
	m.doing = dose.FundingConflict
	eligible, fund := &m.cols[rawEligible], &m.cols[rawFunding]
	if eligible.dict == nil || fund.dict == nil {
		return
	}
	const private, vfc = 1, 2
	needs := table(eligible, func(s string) uint8 {
		switch s {
		case "V01":
			return private
		case "V02", "V03", "V04", "V05":
			return vfc
		}
		return 0
	})
	paid := table(fund, func(s string) uint8 {
		switch s {
		case "PHC70":
			return private
		case "VXC51":
			return vfc
		}
		return 0
	})
	for i, code := range eligible.codes {
		if needs[code]+paid[fund.codes[i]] == private+vfc && needs[code] > 0 && paid[fund.codes[i]] > 0 {
			m.add(i, dose.FundingConflict, rawFunding)
		}
	}
}

// checkBody: COVID-19 vaccines in use here go into the muscle of arm or thigh.
func (m *Mapper) checkBody() {
	m.doing = dose.RouteOdd
	bad := func(field int, right ...string) []bool {
		c := &m.cols[field]
		return table(c, func(s string) bool {
			for _, r := range right {
				if s == r {
					return false
				}
			}
			_, known := c.set.Name(s)
			return known
		})
	}
	route, site := bad(rawRoute, "C28161", "IM", "OTH"), bad(rawAdminSite, "LT", "RT", "LA", "RA", "LD", "RD", "LVL", "RVL")
	if !some(route) && !some(site) {
		return
	}
	routes, sites := m.cols[rawRoute].codes, m.cols[rawAdminSite].codes
	for i, cvx := range m.cvx {
		if !m.fixed.vaccine(cvx).american {
			continue
		}
		if route[routes[i]] {
			m.add(i, dose.RouteOdd, rawRoute)
		}
		if site[sites[i]] {
			m.add(i, dose.SiteOdd, rawAdminSite)
		}
	}
}
