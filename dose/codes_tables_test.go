package dose

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cdcFiles are CDC's own files of December 2025.
func cdcFiles(t *testing.T) map[string][]byte {
	t.Helper()
	paths, _ := filepath.Glob("../../shared/data/codes/*.*")
	files := map[string][]byte{}
	for _, p := range paths {
		if form, ok := CDCForm(p); ok {
			text, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			files[form] = text
		}
	}
	if len(files) == 0 {
		how := "put CDC's code tables (cvx.xml, mvx.xml, tradename.xml, vac2vg.xml, NDC_*.txt) into ../shared/data/codes beside the repository to run this"
		if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "data") {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return files
}

// The built-in tables are what CDC's files make of them, byte for byte.
func TestBuiltinTablesAreCDCs(t *testing.T) {
	files := cdcFiles(t)
	if len(files) != len(cdcForms) {
		t.Fatalf("%d of %d files", len(files), len(cdcForms))
	}
	next, err := Builtin().Update(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range Builtin().Diff(next) {
		t.Errorf("%+v", d)
	}
	size := 0
	for name, want := range next.Files() {
		got, err := tables.ReadFile("tables/" + name)
		if size += len(got); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what CDC's files make: %v", name, err)
		}
	}
	if size > 1<<20 {
		t.Errorf("the tables have %d bytes", size)
	}
	for set, want := range map[string]int{"cvx": 288 + 3, "mvx": 89 + 2, "ndc": 97, "trade": 222} {
		if got := len(next.Entries(set)); got != want {
			t.Errorf("%s: %d entries, want %d", set, got, want)
		}
	}
}

// A vaccine that dosebook does not know yet is classed by CDC's words. The
// rule is held against each vaccine that it does know.
func TestNewVaccinesAreClassedByCDCsWords(t *testing.T) {
	files := cdcFiles(t)
	blank := *Builtin()
	blank.vaccines = map[int]Vaccine{}
	got, err := blank.Update(files)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, want := range Builtin().Vaccines() {
		v := got.vaccines[want.CVX]
		if want.Class == "placeholder" {
			continue
		}
		if v.COVID != want.COVID || v.Class != want.Class || v.CountsUS != want.CountsUS {
			t.Errorf("CVX %d: %v, %s, counts %v, want %v, %s, counts %v", want.CVX, v.COVID, v.Class, v.CountsUS, want.COVID, want.Class, want.CountsUS)
		}
		if v.COVID {
			n++
		}
		if v.MVX != "" && v.MVX != want.MVX {
			t.Errorf("CVX %d: made by %s, want %s", want.CVX, v.MVX, want.MVX)
		}
		if want.CountsUS && want.Status != "Non-US" && want.Class != "unspecified" && v.MVX == "" {
			t.Errorf("CVX %d has no maker", want.CVX)
		}
	}
	if n != 48 {
		t.Errorf("%d COVID-19 vaccines, want 48", n)
	}
}

const cvxText = "208       |COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose|full|Original monovalent Pfizer|Inactive|1|False|2023/11/14\r\n" +
	"340       |COVID-19, mRNA, new|full|Pfizer Fall Seasonal 2026|Active|2|False|2026/09/01\r\n" +
	"341|influenza, new|full||Active|3|False|2026/09/02\r\n" +
	"342|something else|full||Active|4|True|2026/09/03\r\n"

func TestUpdate(t *testing.T) {
	old := Builtin()
	next, err := old.Update(map[string][]byte{
		"cvx":           []byte("\xef\xbb\xbfCVX Code|CVX Short Description|Full Vaccine Name|Notes|VaccineStatus|internalID|nonvaccine|update_date\n" + cvxText),
		"mvx":           []byte("PFR\tPfizer, Inc\t\tActive\t9/9/2026\nXX\tCaf\xe9 Labs\t\tActive\t9/9/2026\n"),
		"tradename":     []byte("NEWVAX|COVID-19|340|Pfizer, Inc|PFR|Active|Active|9/1/2026\n"),
		"ndc_unit_use":  []byte("1|00069|9999|01|NEWVAX|d|Pfizer|20260828||VIAL||340       |l|False|00069-9999-01|2026-09-04 00:00:00|\n2|1|2|3|FLU|d|x|20260101||v||341|l|False|00001-0002-03|2026-09-04|\n"),
		"ndc_unit_sale": []byte("7|00069|9999|10|NEWVAX|d|Pfizer|20260828|20270101|CARTON|IM|2026-09-04 00:00:00|340|l|00069-9999-10|\n"),
		"ndc_linker":    []byte("1|7|1|PFR\n2|8|2|SEQ\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if next.Date() != "2026-09-09" {
		t.Errorf("date %s", next.Date())
	}
	v, _ := next.Vaccine(340)
	if !v.COVID || v.Class != "seasonal" || v.Manufacturer != "Pfizer" || !v.CountsUS || v.Name != v.Short {
		t.Errorf("340: %+v", v)
	}
	if v, _ := next.Vaccine(208); v.Name != "Pfizer-BioNTech, 30 mcg, original" || v.From != "2020-11-02" || v.Group != "COVID-19" {
		t.Errorf("what dosebook makes of 208 was lost: %+v", v)
	}
	if v, _ := next.Vaccine(342); !v.NonVaccine || v.COVID {
		t.Errorf("342: %+v", v)
	}
	if _, ok := next.Vaccine(901); !ok {
		t.Error("CDC's sample of 2020 is gone")
	}
	if m, _ := next.Maker("XX"); m.Name != "Café Labs" {
		t.Errorf("XX: %+v", m)
	}
	if n, ok := next.MVX().Name("AAA"); !ok || n == "" {
		t.Error("the sample manufacturer is gone")
	}
	if p, ok := next.Product("69-9999-10"); ok {
		t.Errorf("%+v", p)
	}
	if p, ok := next.Product("0069-9999-10"); !ok || p.CVX != 340 || p.MVX != "PFR" || p.To != "2027-01-01" || p.UnitOfUse || p.Use != "00069-9999-01" {
		t.Errorf("%+v", p)
	}
	if got := next.VaccineType(340, "", season2024); got != "2024-25" {
		t.Errorf("type %s", got)
	}
	diff := map[string]CodeChange{}
	for _, d := range old.Diff(next) {
		diff[d.Set+" "+d.Code+" "+d.Field] = d
	}
	for key, want := range map[string]string{"cvx 340 ": "added", "cvx 207 ": "removed", "mvx XX ": "added", "mvx PFR updated": "changed", "ndc 00069-9999-01 ": "added", "ndc 00069-2025-01 ": "removed"} {
		if diff[key].Kind != want {
			t.Errorf("%s: %+v, want %s", key, diff[key], want)
		}
	}
	if _, ok := old.Vaccine(340); ok || len(old.Products()) != 97 {
		t.Error("the old tables changed")
	}
	again, err := ReadCodeTables(func(name string) ([]byte, error) { return next.Files()[name], nil })
	if err != nil || len(next.Diff(again)) != 0 || again.Date() != next.Date() {
		t.Errorf("written and read: %v, %v", again.Diff(next), err)
	}
}

func TestUpdateRefusesBrokenFiles(t *testing.T) {
	for name, files := range map[string]map[string][]byte{
		"not XML to its end": {"cvx": []byte("<CVXCodes><CVXInfo><CVXCode>1</CVXCode>")},
		"a web page":         {"cvx": []byte("<html><body>moved</body></html>")},
		"nothing":            {"mvx": nil},
		"a field too few":    {"cvx": []byte("208|COVID\n")},
		"no number":          {"cvx": []byte("abc|x|y||Active|1|False|2026/01/01\n")},
		"NDC without linker": {"ndc_unit_use": []byte("1|2|3|4|5|6|7|8|9|10|11|208|l|f|00069-9999-01|2026-01-01|\n")},
		"unknown charset":    {"mvx": []byte(`<?xml version="1.0" encoding="EBCDIC"?><MVXCodes/>`)},
	} {
		if _, err := Builtin().Update(files); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
