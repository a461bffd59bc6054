package dose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func TestCounties(t *testing.T) {
	all := dose.Counties()
	if len(all) != 58 {
		t.Fatalf("%d counties, want 58", len(all))
	}
	sum := 0
	for i, c := range all {
		got, ok := dose.CountyByFIPS(c.FIPS)
		if !ok || got != c || c.Population == 0 {
			t.Errorf("CountyByFIPS(%s) = %v, %v", c.FIPS, got, ok)
		}
		if i > 0 && (all[i-1].FIPS >= c.FIPS || all[i-1].Name >= c.Name) {
			t.Errorf("%s is out of order", c.Name)
		}
		for _, s := range []string{c.FIPS, c.FIPS[1:], c.FIPS[2:], "CA" + c.FIPS[2:], "ca" + c.FIPS[2:], c.Name, strings.ToUpper(c.Name),
			strings.ToLower(c.Name) + " county", "  " + c.Name + " County ", "County of " + c.Name} {
			if f, ok := dose.ParseCounty(s); !ok || f != c.FIPS {
				t.Errorf("ParseCounty(%q) = %q, %v, want %s", s, f, ok, c.FIPS)
			}
		}
		sum += c.Population
	}
	if sum < 39_000_000 || sum > 41_000_000 {
		t.Errorf("California has %d people", sum)
	}
	for _, s := range []string{"", " ", "06000", "06002", "06117", "002", "04013", "Clark", "Maricopa", "NV003", "CA", "County", "6", "06003x", "٠٦٠٠٣", "060033", "Alaméda"} {
		if f, ok := dose.ParseCounty(s); ok {
			t.Errorf("ParseCounty(%q) = %q, want none", s, f)
		}
	}
}

func TestPlaces(t *testing.T) {
	places := dose.Places()
	if len(places) != 63 {
		t.Fatalf("%d places, want 61 jurisdictions, OOS and UNK", len(places))
	}
	for _, p := range places {
		if got, err := dose.ParsePlace(string(p)); err != nil || got != p || p.Label() == "" {
			t.Errorf("ParsePlace(%s) = %v, %v, label %q", p, got, err, p.Label())
		}
	}
	if l := dose.Place("long-beach").Label(); l != "City of Long Beach" {
		t.Errorf("label %q", l)
	}
	for s, want := range map[string]error{"06002": dose.ErrNotFound, "04013": dose.ErrNotFound, "": dose.ErrInvalid, "Alameda": dose.ErrInvalid,
		"6001": dose.ErrInvalid, "../etc": dose.ErrInvalid, "06001 ": dose.ErrInvalid, "oos": dose.ErrInvalid} {
		if _, err := dose.ParsePlace(s); !errors.Is(err, want) {
			t.Errorf("ParsePlace(%q): %v, want %v", s, err, want)
		}
	}
}

func TestCityLHJ(t *testing.T) {
	for _, c := range []struct{ fips, city, want string }{
		{"06001", "Berkeley", "berkeley"}, {"06037", "LONG BEACH", "long-beach"}, {"06037", "pasadena ", "pasadena"},
		{"06037", "South Pasadena", ""}, {"06037", "Berkeley", ""}, {"06059", "Long Beach", ""}, {"06001", "", ""},
	} {
		if got, ok := dose.CityLHJ(c.fips, c.city); got != c.want || ok != (c.want != "") {
			t.Errorf("CityLHJ(%s, %s) = %q", c.fips, c.city, got)
		}
	}
}

func TestZIPs(t *testing.T) {
	total := 0
	for _, c := range dose.Counties() {
		list := dose.ZIPs(c.FIPS)
		total += len(list)
		for _, z := range list {
			f, q, ok := dose.ZIP(z)
			if !ok || f != c.FIPS || q < 1 || q > 4 || len(z) != 5 || z < "90001" || z > "96162" {
				t.Errorf("ZIP(%s) = %s, %d, %v", z, f, q, ok)
			}
		}
		if len(list) == 0 || !slices.IsSorted(list) {
			t.Errorf("%s has ZIPs %v", c.Name, list)
		}
	}
	if total != 1678 {
		t.Errorf("%d ZIPs have a county, want 1678", total)
	}
	if _, _, ok := dose.ZIP("89101"); ok {
		t.Error("a ZIP of Nevada was found")
	}
}

func TestVaccines(t *testing.T) {
	covid := 0
	for _, v := range dose.Vaccines() {
		if v.COVID {
			covid++
		}
		if v.Name == "" || v.Class == "" || v.COVID == (v.Class == "other") {
			t.Errorf("CVX %d is incomplete: %+v", v.CVX, v)
		}
		if m := dose.Maker(v.CVX); m != "" && !strings.EqualFold(m, v.Manufacturer) {
			t.Errorf("CVX %d counts for %s and is made by %s", v.CVX, m, v.Manufacturer)
		}
	}
	if covid != 51 {
		t.Errorf("%d COVID-19 vaccines, want 51", covid)
	}
	if v, _ := dose.VaccineByCVX(208); v.Name != "Pfizer-BioNTech, 30 mcg, original" || v.MVX != "PFR" || !v.CountsUS {
		t.Errorf("CVX 208: %+v", v)
	}
	if _, ok := dose.VaccineByCVX(9999); ok {
		t.Error("CVX 9999 is known")
	}
}

func TestProducts(t *testing.T) {
	all := dose.Products()
	if len(all) != 97 {
		t.Errorf("%d products, want 97", len(all))
	}
	for _, p := range all {
		if n, ok := dose.NormalizeNDC(p.NDC); !ok || n != p.NDC {
			t.Errorf("NormalizeNDC(%s) = %s", p.NDC, n)
		}
		if v, ok := dose.VaccineByCVX(p.CVX); !ok || !v.COVID {
			t.Errorf("%s has CVX %d, which is unknown", p.NDC, p.CVX)
		}
		if _, err := time.Parse(time.DateOnly, p.From); err != nil {
			t.Errorf("%s: from %s", p.NDC, p.From)
		}
	}
	for s, want := range map[string]string{
		"59267-1000-1": "59267-1000-01", "59267100001": "59267-1000-01", "80777-273-10": "80777-0273-10", " 80777-0273-10 ": "80777-0273-10",
		"0069-2025-01": "00069-2025-01", "8077727310": "80777-0273-10", "5926710001": "59267-1000-01", "0069202501": "00069-2025-01",
		"1234567890": "", "": "", "59267-1000": "", "59267-1000-001": "", "5926-100-1": "", "abc": "", "59267-1O00-01": "",
	} {
		if n, ok := dose.NormalizeNDC(s); n != want || ok != (want != "") {
			t.Errorf("NormalizeNDC(%q) = %q, %v, want %q", s, n, ok, want)
		}
	}
}

func TestVaccineType(t *testing.T) {
	day := func(s string) int32 {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return int32(d.Unix() / 86400)
	}
	for _, c := range []struct {
		cvx       int
		ndc, date string
		want      string
	}{
		{208, "", "2021-01-05", "original"}, {300, "", "2022-10-01", "bivalent"}, {213, "", "2021-01-05", "unspecified"},
		{510, "", "2021-01-05", "non-us"}, {901, "", "2020-10-20", "placeholder"}, {141, "", "2021-01-05", "other"}, {7777, "", "2021-01-05", "other"},
		{309, "", "2023-10-01", "2023-24"}, {309, "", "2024-08-21", "2023-24"}, {309, "", "2024-08-22", "2024-25"},
		{309, "", "2025-08-26", "2024-25"}, {309, "", "2025-08-27", "2025-26"},
		{309, "00069-2362-01", "2024-12-01", "2023-24"}, {313, "80631-0207-01", "2025-06-01", "2025-26"},
		{309, "80777-0110-01", "2023-10-01", "2023-24"}, // the NDC is another CVX's: the date decides
	} {
		if got := dose.VaccineType(c.cvx, c.ndc, day(c.date)); got != c.want {
			t.Errorf("VaccineType(%d, %s, %s) = %s, want %s", c.cvx, c.ndc, c.date, got, c.want)
		}
	}
}

func TestRaceEth(t *testing.T) {
	for _, c := range []struct{ races, ethnicity, want string }{
		{"2106-3", "2135-2", "Latino"}, {"2106-3 2028-9", "2186-5", "Multiracial"}, {"2106-3 2106-3", "UNK", "White"},
		{"2131-1 2106-3", "", "Other Race"}, {"UNK", "UNK", "Unknown"}, {"", "", "Unknown"}, {"UNK 2054-5", "", "Black or African American"},
		{"2034-7 2036-2", "2186-5", "Asian"}, {"2135-2", "", "Latino"}, {"POL", "PHC1175", "Unknown"}, {"2106-3 2131-1", "", "White"},
	} {
		if got := dose.RaceEth(strings.Fields(c.races), c.ethnicity); got != c.want {
			t.Errorf("RaceEth(%s, %s) = %s, want %s", c.races, c.ethnicity, got, c.want)
		}
	}
	for age, want := range map[int]string{0: "Under 5", 4: "Under 5", 5: "5-11", 11: "5-11", 12: "12-17", 17: "12-17", 18: "18-49", 49: "18-49", 50: "50-64", 65: "65+", 120: "65+"} {
		if got := dose.AgeGroup(age, true); got != want {
			t.Errorf("AgeGroup(%d) = %s", age, got)
		}
	}
	if got := dose.AgeGroup(30, false); got != "Unknown Agegroup" {
		t.Errorf("unknown age: %s", got)
	}
}

func TestCodes(t *testing.T) {
	for field, code := range map[string]string{"recip_sex": "X", "recip_race_6": "POL", "admin_type": "28", "mvx": "PFR",
		"recip_address_state": "CA", "dose_num": "INV", "vax_route": "C28161", "information_source": "08", "eligibility": "V25"} {
		set, ok := dose.Codes(field)
		if !ok {
			t.Errorf("%s has no value set", field)
			continue
		}
		if n, ok := set.Name(code); !ok || n == "" {
			t.Errorf("%s: %s is unknown", field, code)
		}
	}
	if _, ok := dose.Codes("lot_number"); ok {
		t.Error("lot_number has a value set")
	}
	for _, c := range dose.Raw() {
		set, ok := dose.Codes(c.Name)
		if !ok {
			continue
		}
		seen := map[string]bool{}
		for _, code := range set.Codes() {
			if code.Name == "" || seen[code.Code] || code.Code != strings.ToUpper(code.Code) {
				t.Errorf("%s: bad code %+v", c.Name, code)
			}
			seen[code.Code] = true
		}
	}
}

func TestChecksAreComplete(t *testing.T) {
	for _, c := range dose.Checks() {
		if r := c.Rule(); r.Code == "" || r.Says == "" || r.Remedy == "" || r.Source == "" || r.Rejects && r.Severity != dose.Error {
			t.Errorf("check %d is incomplete: %+v", c, r)
		}
	}
}
