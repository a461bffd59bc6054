package extract

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/dosebook/dosebook/dose"
)

func wide(s string, order func(uint16) []byte) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, order(u)...)
	}
	return string(b)
}

const cvrsHead = "vax_event_id\text_type\tpprl_id\nE1\tD\t\n"

func TestSniff(t *testing.T) {
	for text, want := range map[string]string{
		cvrsHead:                       "cvrs",
		"\ufeff" + cvrsHead:            "cvrs",
		strings.ToUpper(cvrsHead):      "cvrs",
		"colour\t\"Vax_Event_Id\"\r\n": "cvrs",
		"MSH|^~\\&|A|B\rPID|1":         "hl7v2",
		"\n\vMSH|^~\\&|A":              "hl7v2",
		"FHS|^~\\&|A":                  "hl7v2",
		"BHS#^~\\&#A":                  "hl7v2",
		"{\"id\":1,\n \"resourceType\": \"Bundle\"": "fhir",
		"[{\"resourceType\":\"Patient\"}]":          "fhir",
		"":                                          "",
		"SH FHS BHS":                                "",
		"MSHA was here":                             "",
		"{\"a\":1}":                                 "",
		"vax_event_id,ext_type,pprl_id":             "",
		"This is not a\r\nvalid CVRS File":          "",
	} {
		if got := Sniff([]byte(text)); got != want {
			t.Errorf("Sniff(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSniffSamples(t *testing.T) {
	for file, want := range map[string]string{
		"testgood.txt": "cvrs", "testgoodv1.txt": "cvrs", "testMissingHeaders.txt": "cvrs",
		"testgood.hl7": "hl7v2", "testdefault.hl7": "hl7v2", "notacvrs.txt": "", "empty.txt": "",
	} {
		text, err := os.ReadFile(filepath.Join("../../shared/data/cvrs/samples", file))
		if err != nil {
			if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "data") {
				t.Fatal(err)
			}
			t.Skip("put CDC's sample files (CVRS open tools, src/test/resources) into ../shared/data/cvrs/samples beside the repository to run this")
		}
		if got := Sniff(text); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
		if err := Refuse(text, file); want != "" && err != nil {
			t.Errorf("%s was refused: %v", file, err)
		}
	}
}

func TestRefuse(t *testing.T) {
	le := func(u uint16) []byte { return []byte{byte(u), byte(u >> 8)} }
	be := func(u uint16) []byte { return []byte{byte(u >> 8), byte(u)} }
	le32 := func(u uint16) []byte { return []byte{byte(u), byte(u >> 8), 0, 0} }
	be32 := func(u uint16) []byte { return []byte{0, 0, byte(u >> 8), byte(u)} }
	for text, want := range map[string]string{
		"":                          "empty",
		" \r\n ":                    "empty",
		"\ufeff\n":                  "empty",
		wide("\ufeff"+cvrsHead, le): "UTF-16",
		wide("\ufeff"+cvrsHead, be): "UTF-16",
		wide(cvrsHead, le):          "UTF-16",
		wide(cvrsHead, be):          "UTF-16",
		wide(cvrsHead, le32):        "UTF-16",
		wide(cvrsHead, be32):        "UTF-16",
		"\n<!doctype HTML><p>x":     "web page",
		"<HTML>":                    "web page",
		"<?xml version=\"1.0\"?><html xmlns=\"\">": "web page",
		"%PDF-1.4 abc":                          "PDF",
		strings.Repeat("\x00", 100):             "binary",
		strings.ReplaceAll(cvrsHead, "\t", ","): "comma",
		strings.ReplaceAll(cvrsHead, "\t", ";"): "semicolon",
		strings.ReplaceAll(cvrsHead, "\t", "|"): "pipe",
		`"vax_event_id","EXT_TYPE"`:             "comma",
	} {
		if err := Refuse([]byte(text), "in.txt"); err == nil || !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("Refuse(%q) = %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{cvrsHead, "MSH|^~\\&|", "{}", "a,b", "x\x00y", "Jos\xe9\t1", cvrsHead + strings.Repeat("\x00\x01", 999), "MSH|^~\\&|vax_event_id,ext_type"} {
		if err := Refuse([]byte(text), "in.txt"); err != nil {
			t.Errorf("Refuse(%q) = %v", text, err)
		}
	}
}

func TestParseName(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, want := range map[string]struct {
		time, submitter string
	}{
		"20210330_01_CAA.txt":     {"2021-03-30T00:00:01Z", "CAA"},
		"20210330_02_caa.TXT.GZ":  {"2021-03-30T00:00:02Z", "CAA"},
		"20240229_99_Bp2.tsv":     {"2024-02-29T00:01:39Z", "BP2"},
		"20210330_10_CAA.zip":     {"2021-03-30T00:00:10Z", "CAA"},
		"20210330_10_CAA.txt.zip": {"2021-03-30T00:00:10Z", "CAA"},
		"20230229_01_CAA.txt":     {},
		"20210330_1_CAA.txt":      {},
		"20210330_01_CAAA.txt":    {},
		"20210330_01_CAA":         {},
		"20210330_01_CAA.csv":     {},
		"x20210330_01_CAA.txt":    {},
		"":                        {},
	} {
		got, submitter, ok := ParseName(name)
		if ok != (want.time != "") || submitter != want.submitter || ok && (!got.Equal(at(want.time)) || got.Location() != time.UTC) {
			t.Errorf("%q: %v %q %v", name, got, submitter, ok)
		}
	}
}
