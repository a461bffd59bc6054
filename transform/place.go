package transform

import (
	"github.com/dosebook/dosebook/dose"
)

// Steps of the chain, as codes of county_method.
const (
	byReport = 1 + iota
	byZIP
	byAdmin
	byNothing
)

const (
	blankState uint8 = iota
	california
	elsewhere
)

// address holds the lookups of one address by the codes of its columns:
// counties and cities as codes of places.
type address struct {
	state  []uint8
	county []int32
	zip    []zipInfo
	city   []int32

	states, counties, zips, cities []int32 // the rows' codes
}

type zipInfo struct {
	county   int32
	quartile int32
	bad      bool
}

func (m *Mapper) address(state, county, zip, city int) address {
	f := &m.fixed
	return address{
		state: read(&m.cols[state], func(s string) uint8 {
			if s == "CA" || s == "CALIFORNIA" {
				return california
			}
			return elsewhere
		}),
		county: read(&m.cols[county], func(s string) int32 {
			fips, _ := dose.ParseCounty(s)
			return f.places.code(fips)
		}),
		zip: read(&m.cols[zip], func(s string) zipInfo { return f.readZIP(s) }),
		city: read(&m.cols[city], func(s string) int32 {
			for _, fips := range [...]string{"06001", "06037"} {
				if code, ok := dose.CityLHJ(fips, s); ok {
					return f.places.code(code)
				}
			}
			return 0
		}),
		states: m.cols[state].codes, counties: m.cols[county].codes, zips: m.cols[zip].codes, cities: m.cols[city].codes,
	}
}

// readZIP looks up the first five digits; 5 or 5-4 digits are well-formed.
func (f *fixed) readZIP(s string) zipInfo {
	z := zipInfo{bad: !(len(s) == 5 || len(s) == 10 && s[5] == '-' && digits(s[6:])) || !digits(s[:min(5, len(s))])}
	if len(s) >= 5 {
		fips, q, _ := dose.ZIP(s[:5])
		z.county, z.quartile = f.places.code(fips), int32(q)
	}
	return z
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// residence is what the address chain made of each row.
type residence struct {
	county, method, admin, lhj []int32 // codes of places and methods
	quartile                   []int32 // 0 for none
}

// reside runs the chain of residence (DESIGN §5.7 "County"; CDPH data
// dictionary, recip_county_label): another or a blank state is outside
// California; else the county reported, else the ZIP's, else that of the
// place of administration, else unknown.
func (m *Mapper) reside() {
	m.doing = dose.CountyUnknown
	home := m.address(rawState, rawCounty, rawZIP, rawCity)
	site := m.address(rawSiteState, rawSiteCounty, rawSiteZIP, rawSiteCity)
	oos, unk := m.fixed.places.code(dose.OutOfState), m.fixed.places.code(dose.UnknownCounty)
	r := &m.place
	for _, s := range []*[]int32{&r.county, &r.method, &r.admin, &r.lhj, &r.quartile} {
		*s = resize(*s, m.n)
	}
	cityOf := m.cityCounties()
	for i := range m.n {
		zip, reported, given := home.zip[home.zips[i]], home.county[home.counties[i]], site.where(i)
		state := home.state[home.states[i]]
		county, method, city := oos, byReport, home.city[home.cities[i]]
		switch {
		case state != california:
			if state == blankState && reported|zip.county != 0 {
				m.add(i, dose.StateBlank, rawState)
			}
		case reported != 0:
			county = reported
		default:
			if home.counties[i] != 0 {
				m.add(i, dose.CountyUnusable, rawCounty)
			}
			switch {
			case zip.county != 0:
				county, method = zip.county, byZIP
				m.add(i, dose.CountyFromZIP, rawCounty)
			case given != 0:
				county, method, city = given, byAdmin, site.city[site.cities[i]]
				m.add(i, dose.CountyFromAdmin, rawCounty)
			default:
				county, method = unk, byNothing
				m.add(i, dose.CountyUnknown, rawCounty)
			}
		}
		r.county[i], r.method[i], r.admin[i], r.quartile[i] = county, int32(method), given, zip.quartile
		r.lhj[i] = county
		if city != 0 && cityOf[city] == county {
			r.lhj[i] = city
		}
	}
	m.home, m.site = home, site
}

// where is the Californian county of a place of administration, or 0; its
// state may be blank.
func (a *address) where(i int) int32 {
	if a.state[a.states[i]] == elsewhere {
		return 0
	}
	if c := a.county[a.counties[i]]; c != 0 {
		return c
	}
	return a.zip[a.zips[i]].county
}

// cityCounties maps the three cities' codes to those of their counties.
func (m *Mapper) cityCounties() map[int32]int32 {
	p := &m.fixed.places
	return map[int32]int32{
		p.code("berkeley"): p.code("06001"), p.code("long-beach"): p.code("06037"), p.code("pasadena"): p.code("06037"),
	}
}
