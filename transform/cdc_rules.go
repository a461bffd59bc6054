package transform

import "github.com/dosebook/dosebook/dose"

// business applies the rules on two columns of a row (CDC validator, BUSR001
// to BUSR012), and on pprl_id, which goes with ext_type.
func (c *CDC) business() {
	c.linkage()
	c.address(rawState, rawCounty, rawZIP, homeChecks)
	c.address(rawSiteState, rawSiteCounty, rawSiteZIP, siteChecks)
	c.dates()
	if c.opt.Version == 1 {
		yes := func(s string) bool { return equalFold(s, "YES") }
		missed := lookup(&c.cols[rawMissed], yes)
		each(&c.cols[rawRefusal], c.n, yes, func(row int, _ bool) {
			if missed(row) {
				c.add(row, dose.CDCRefusedAndMissed, rawRefusal)
			}
		})
	}
}

// linkage wants a pprl_id in P extracts and nowhere else.
func (c *CDC) linkage() {
	col := &c.cols[rawPPRL]
	none := col.text == nil && col.dict == nil
	for row, ext := range c.ext {
		if (ext == 'P') == (none || col.empty(row)) {
			c.add(row, dose.CDCPPRL, rawPPRL)
		}
	}
}

// addressChecks are the rules on one of the two addresses.
type addressChecks struct{ county, zip, noState, noCounty dose.Check }

var (
	homeChecks = addressChecks{dose.CDCCountyOfHome, dose.CDCZIPOfHome, dose.CDCHomeState, dose.CDCHomeCounty}
	siteChecks = addressChecks{dose.CDCCountyOfSite, dose.CDCZIPOfSite, dose.CDCSiteState, dose.CDCSiteCounty}
)

// place is what a state's name says; blank, or unknown, or with its numbers.
type place struct {
	dose.State
	blank, known bool
}

// address holds county and ZIP against the state.
func (c *CDC) address(state, county, zip int, is addressChecks) {
	at := lookup(&c.cols[state], func(s string) *place {
		p := place{blank: s == ""}
		p.State, p.known = dose.StateByCode(upper(s))
		return &p
	})
	// The first two characters of a county are all that the rule reads.
	counties := lookup(&c.cols[county], func(s string) [2]byte {
		var two [2]byte
		copy(two[:], s)
		return two
	})
	zips := lookup(&c.cols[zip], func(s string) string { return s })
	type pair struct {
		state *place
		zip   string
	}
	seen := map[pair]bool{} // ZIPs repeat
	for row := range c.n {
		p, prefix, code := at(row), counties(row), zips(row)
		if p.known && prefix[0] != 0 && string(prefix[:]) != p.FIPS {
			c.add(row, is.county, county)
		}
		if code == "" {
			continue
		}
		bad, known := seen[pair{p, code}]
		if !known {
			holds, can := p.HoldsZIP(code)
			bad = !p.blank && !holds && (can || !p.known)
			seen[pair{p, code}] = bad
		}
		if bad {
			c.add(row, is.zip, zip)
		}
		if p.blank {
			c.add(row, is.noState, zip)
		}
		if prefix[0] == 0 {
			c.add(row, is.noCounty, zip)
		}
	}
}

// dates compares birth and dose as CDC's does: as text, where one that is
// missing is a finding too.
func (c *CDC) dates() {
	same := func(s string) string { return s }
	dob, admin := lookup(&c.cols[rawDOB], same), lookup(&c.cols[rawAdminDate], same)
	for row := range c.n {
		if a, b := dob(row), admin(row); a == "" || b == "" || a > b {
			c.add(row, dose.CDCBornAfter, rawDOB)
		}
	}
	if c.opt.Today == 0 {
		return
	}
	late := func(s string) bool { return s >= c.tomorrow }
	each(&c.cols[rawDOB], c.n, late, func(row int, _ bool) { c.add(row, dose.CDCBornLater, rawDOB) })
	each(&c.cols[rawAdminDate], c.n, late, func(row int, _ bool) { c.add(row, dose.CDCGivenLater, rawAdminDate) })
}
