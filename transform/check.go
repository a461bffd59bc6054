package transform

import (
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// rowChecks are what is looked at on rows that load, in the order in which
// findings are listed. Each looks at distinct values first, and at rows only
// where a value, or two together, can be wrong.
func rowChecks() []func(*Mapper) {
	return []func(*Mapper){
		(*Mapper).checkZIPs, (*Mapper).checkPlaces,
		(*Mapper).checkCodes, (*Mapper).checkBlanks, (*Mapper).checkDates, (*Mapper).checkOrder, (*Mapper).checkDays,
		(*Mapper).checkVaccine, (*Mapper).checkUse, (*Mapper).checkProduct,
		(*Mapper).checkLots, (*Mapper).checkNames, (*Mapper).checkSource, (*Mapper).checkRefusal, (*Mapper).checkFunding, (*Mapper).checkBody,
		(*Mapper).checkText, (*Mapper).checkLongText,
	}
}

// check finds the counties, and on the way what is wrong with the rows.
func (m *Mapper) check() {
	m.issues.reset()
	m.doing = dose.DateBad
	m.expiry = read(&m.cols[rawExpiration], parseDate)
	m.sourceTime = times(&m.cols[rawSourceTime])
	m.reside()
	for _, check := range m.checks {
		check(m)
	}
	m.doing = dose.RuleCrashed // what follows is no check
}

// add notes a finding on a row.
func (m *Mapper) add(row int, check dose.Check, field int) { m.issues.add(row, check, field) }

// on tells whether a check is made, and notes that it is being made.
func (m *Mapper) on(check dose.Check) bool {
	m.doing = check
	return m.levels.Of(check) != dose.Off
}

// raise takes out the rows with findings that the registry's levels make
// rejects of, each for the first of them. Deletes stay: of a delete nothing
// but the key is used.
func (m *Mapper) raise() []dose.Reject {
	var out []dose.Reject
	for _, is := range m.issues.found {
		if !m.levels.Rejects(is.Check) || m.dead[is.Row] {
			continue
		}
		r := dose.Reject{Row: m.rawRow(is.Row), Line: m.line[is.Row], Check: is.Check, Field: m.cols[is.Field].name}
		r.Sender, _ = sender(m, int(is.Row))
		out = append(out, r)
	}
	slices.SortStableFunc(out, byRow)
	out = slices.CompactFunc(out, func(a, b dose.Reject) bool { return a.Row == b.Row })
	m.keep(out)
	return out
}

func merge(a, b []dose.Reject) []dose.Reject {
	a = append(a, b...)
	slices.SortFunc(a, byRow)
	return a
}

func byRow(a, b dose.Reject) int { return int(a.Row - b.Row) }

// checkCodes holds values against their columns' value sets.
func (m *Mapper) checkCodes() {
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
				_, ok := set.Name(m.cols[i].value(e))
				return !ok
			})
		}
	}
}

func (m *Mapper) checkBlanks() {
	for _, i := range m.required {
		m.checkBlank(i, dose.RequiredBlank)
	}
	m.checkBlank(rawRecipID, dose.RecipientMissing)
}

func (m *Mapper) checkBlank(field int, check dose.Check) {
	c := &m.cols[field]
	if !m.on(check) || c.long && c.text.NullN() == 0 {
		return
	}
	for i := range m.n {
		if c.long && c.text.IsNull(i) || !c.long && c.codes[i] == 0 {
			m.add(i, check, field)
		}
	}
}

func (m *Mapper) checkZIPs() {
	m.flag(rawZIP, dose.ZIPBad, func(e int) bool { return m.home.zip[e].bad })
	m.flag(rawSiteZIP, dose.ZIPBad, func(e int) bool { return m.site.zip[e].bad })
}

// regions are a state column's entries: which state, and of each ZIP whether
// California holds it, since nearly all rows are of California.
type regions struct {
	address
	of      []dose.State
	known   []bool
	foreign []bool // ZIPs that are well-formed and not California's
}

func (m *Mapper) regions(a address, state, zip int) regions {
	r := regions{address: a, of: make([]dose.State, len(a.state)), known: make([]bool, len(a.state))}
	for e := range m.cols[state].entries() {
		code := plain(m.cols[state].value(e + 1))
		if code == "CALIFORNIA" {
			code = "CA"
		}
		r.of[e+1], r.known[e+1] = dose.StateByCode(code)
	}
	ca, _ := dose.StateByCode("CA")
	r.foreign = read(&m.cols[zip], func(s string) bool { in, _ := ca.HoldsZIP(s); return !in })
	for e := range r.foreign {
		r.foreign[e] = r.foreign[e] && !a.zip[e].bad
	}
	return r
}

// checkPlaces holds ZIP, county and state against each other, at home and
// where the dose was given.
func (m *Mapper) checkPlaces() {
	m.doing = dose.CountyAgainstZIP
	for i, reported := range m.home.counties {
		if reported == 0 || m.home.state[m.home.states[i]] != california {
			continue
		}
		if c, z := m.home.county[reported], m.home.zip[m.home.zips[i]].county; c != z && c != 0 && z != 0 {
			m.add(i, dose.CountyAgainstZIP, rawCounty)
		}
	}
	m.checkRegion(m.regions(m.home, rawState, rawZIP), rawCounty, rawZIP, dose.HomeCountyElsewhere, dose.HomeZIPElsewhere)
	m.checkRegion(m.regions(m.site, rawSiteState, rawSiteZIP), rawSiteCounty, rawSiteZIP, dose.SiteCountyElsewhere, dose.SiteZIPElsewhere)
}

// checkRegion: a county of residence that is none of California's is a
// finding of the chain of residence already.
func (m *Mapper) checkRegion(r regions, county, zip int, countyElsewhere, zipElsewhere dose.Check) {
	m.doing = zipElsewhere
	counties, zips := &m.cols[county], &m.cols[zip]
	home := countyElsewhere == dose.HomeCountyElsewhere
	for i, s := range r.states {
		z, c := r.zips[i], r.counties[i]
		if r.state[s] == california {
			if r.foreign[z] {
				m.add(i, zipElsewhere, zip)
			}
			if c > 0 && r.county[c] == 0 && !home {
				m.add(i, countyElsewhere, county)
			}
			continue
		}
		if !r.known[s] {
			continue
		}
		if z > 0 && !r.zip[z].bad {
			if in, known := r.of[s].HoldsZIP(plain(zips.value(int(z)))); known && !in {
				m.add(i, zipElsewhere, zip)
			}
		}
		if c > 0 {
			if v := plain(counties.value(int(c))); len(v) == 5 && digits(v) && v[:2] != r.of[s].FIPS {
				m.add(i, countyElsewhere, county)
			}
		}
	}
}
