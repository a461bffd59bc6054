package synth

import (
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// Rows of the tally after the 58 counties.
const (
	numCounties = 58
	outOfState  = numCounties
	unknown     = numCounties + 1
	numPlaces   = numCounties + 2
)

type county struct {
	fips, name string
	population int
	zips       []string
	towns      []string // the biggest; a ZIP always has the same one
	near       []int    // where its people also go for a dose: neighbours, as counties' numbers
	spellings  [6]string
	sites      []site
}

// site is where doses are given.
type site struct {
	org, name, kind, pin, street, city, zip string
	county                                  int
}

// cityZIPs are the ZIPs of the three cities that are health jurisdictions of
// their own, so that their rows carry the city's name (CDPH: 61 local health
// jurisdictions).
var cityZIPs = []struct{ city, fips, zips string }{
	{"Berkeley", "06001", "94702 94703 94704 94705 94707 94708 94709 94710"},
	{"Long Beach", "06037", "90802 90803 90804 90805 90806 90807 90808 90810 90813 90814 90815"},
	{"Pasadena", "06037", "91101 91103 91104 91105 91106 91107"},
}

// townsOf lists towns by the three digits of the county (facts of geography).
const townsOf = `001 Oakland Fremont Hayward
003 Markleeville
005 Jackson Ione
007 Chico Oroville Paradise
009 San_Andreas Angels_Camp
011 Colusa Williams
013 Concord Richmond Antioch
015 Crescent_City
017 Placerville South_Lake_Tahoe
019 Fresno Clovis Sanger
021 Willows Orland
023 Eureka Arcata
025 El_Centro Calexico Brawley
027 Bishop Lone_Pine
029 Bakersfield Delano Ridgecrest
031 Hanford Lemoore
033 Clearlake Lakeport
035 Susanville
037 Los_Angeles Glendale Santa_Clarita Lancaster Palmdale Torrance Pomona
039 Madera Chowchilla
041 San_Rafael Novato
043 Mariposa
045 Ukiah Fort_Bragg
047 Merced Los_Banos Atwater
049 Alturas
051 Mammoth_Lakes
053 Salinas Monterey Seaside
055 Napa American_Canyon
057 Grass_Valley Truckee
059 Anaheim Santa_Ana Irvine Huntington_Beach
061 Roseville Auburn
063 Quincy Portola
065 Riverside Moreno_Valley Corona Palm_Springs
067 Sacramento Elk_Grove Folsom
069 Hollister
071 San_Bernardino Fontana Victorville Ontario
073 San_Diego Chula_Vista Oceanside Escondido
075 San_Francisco
077 Stockton Tracy Lodi
079 San_Luis_Obispo Paso_Robles
081 Daly_City San_Mateo Redwood_City
083 Santa_Maria Santa_Barbara
085 San_Jose Sunnyvale Santa_Clara
087 Santa_Cruz Watsonville
089 Redding Anderson
091 Loyalton
093 Yreka Mount_Shasta
095 Vallejo Fairfield Vacaville
097 Santa_Rosa Petaluma
099 Modesto Turlock
101 Yuba_City
103 Red_Bluff Corning
105 Weaverville
107 Visalia Tulare Porterville
109 Sonora
111 Oxnard Thousand_Oaks Ventura
113 Davis Woodland
115 Marysville`

// neighboursOf lists bordering counties by their three digits (facts of
// geography; a county that borders on another state only has what it has).
const neighboursOf = `001 013 077 085 099 081 075
003 017 005 009 109 051
005 067 017 003 009 077
007 103 021 011 101 115 063 089
009 005 003 109 099 077
011 021 007 101 113 033 045
013 001 095 077 067
015 093 023
017 061 067 005 003
019 047 039 051 027 107 031 053 069
021 103 007 011 033 045
023 015 093 105 045
025 073 065
027 051 019 107 029 071
029 031 107 027 071 037 111 083 079
031 019 107 029 053 079
033 045 021 011 113 055 097
035 049 089 063 091
037 111 029 071 059
039 047 043 109 051 019
041 097 075
043 047 109 039 099
045 023 105 103 021 011 033 097
047 099 109 043 039 019 069 085
049 093 089 035
051 003 109 039 019 027
053 087 069 019 031 079
055 097 033 113 095
057 091 061 115
059 037 071 065 073
061 057 115 101 067 017
063 035 089 103 007 115 091
065 059 071 073 025
067 113 061 017 005 077 013 095 101
069 087 085 047 019 053
071 037 027 029 065 059
073 059 065 025
075 081 041 001
077 067 005 009 099 001 013
079 053 031 029 083
081 075 085 087 001
083 079 029 111
085 081 001 099 047 069 087
087 081 085 069 053
089 093 049 035 063 103 105
091 063 057 115 035
093 015 023 105 089 049
095 055 113 067 013
097 041 045 033 055
099 077 009 109 043 047 085 001
101 007 115 061 067 113 011
103 105 089 007 021 045
105 023 093 089 103 045
107 019 027 029 031
109 009 003 051 039 043 099 047
111 083 029 037
113 011 101 067 095 055 033
115 101 007 063 091 057 061`

// newCounties joins the tables. Spelling 0 is the rule's; the others are what
// registries also send.
func newCounties(seed uint64) []county {
	towns := make(map[string][]string)
	for line := range strings.Lines(townsOf) {
		f := words(line)
		towns[f[0]] = f[1:]
	}
	var out []county
	for _, c := range dose.Counties() {
		k := county{fips: c.FIPS, name: c.Name, population: c.Population, zips: dose.ZIPs(c.FIPS)}
		for _, t := range towns[c.FIPS[2:]] {
			k.towns = append(k.towns, spaced(t))
		}
		k.spellings = [6]string{c.FIPS, c.FIPS[1:], c.FIPS[2:], "CA" + c.FIPS[2:], c.Name, strings.ToUpper(c.Name)}
		out = append(out, k)
	}
	for line := range strings.Lines(neighboursOf) {
		f := words(line)
		home := &out[countyAt(f[0])]
		for _, n := range f[1:] {
			home.near = append(home.near, countyAt(n))
		}
	}
	for i := range out {
		out[i].sites = newSites(seed, i, out)
	}
	return out
}

// countyAt is the county's number: FIPS is 06000 + 2n − 1 in the order of names.
func countyAt(fips3 string) int {
	n, _ := strconv.Atoi(fips3)
	return n / 2
}

func spaced(s string) string { return strings.ReplaceAll(s, "_", " ") }

// town gives each ZIP one town.
func (c *county) town(zip string) string {
	for _, k := range cityZIPs {
		if k.fips == c.fips && strings.Contains(k.zips, zip) {
			return k.city
		}
	}
	return c.towns[int(mix(uint64(zip[3]-'0')*10+uint64(zip[4]-'0'))%uint64(len(c.towns)))]
}

// newSites invents the county's providers: a clinic of the county, hospitals,
// pharmacies of chains, doctors, a nursing home; more where more people live.
func newSites(seed uint64, n int, all []county) []site {
	c := &all[n]
	r := rng(hash(seed, saltProvider, uint64(n)))
	count := 3 + min(c.population/20_000, 400)
	var out []site
	for i := range count {
		s := site{county: n, zip: r.at(c.zips), pin: strconv.Itoa(100_000 + n*10_000 + i*7), street: street(&r, 9000)}
		s.city = c.town(s.zip)
		number := strconv.Itoa(100 + n*450 + i)
		switch k := r.n(100); {
		case i == 0 || k < 12: // the county's own
			s.org, s.kind = c.name+" County Public Health", "19"
			s.name = c.name + " County Clinic " + clinicNames[i%len(clinicNames)] + " " + number
		case i == 1 || k < 24:
			s.org, s.kind = r.at(groupNames), "9"
			s.name = s.city + " " + r.at(hospitalEnds) + " " + number
		case k < 68:
			s.org, s.kind = r.at(pharmacies), "17"
			s.name = s.org + " #" + number
		case k < 76:
			s.org, s.kind = s.city+" Health Centers", "20"
			s.name = s.city + " Health Center " + number
		case k < 84:
			s.org, s.kind = r.at(groupNames), "12"
			s.name = s.city + " Family Practice " + number
		case k < 92:
			s.org, s.kind = r.at(groupNames), "13"
			s.name = s.city + " Children's Clinic " + number
		default:
			s.org, s.kind = r.at(groupNames), "22"
			s.name = s.city + " Care Home " + number
		}
		out = append(out, s)
	}
	return out
}

// street is an invented address.
func street(r *rng, most int) string {
	return strconv.Itoa(1+r.n(most)) + " " + spaced(r.at(streetNames)) + " " + r.at(streetEnds)
}
