package pipelines

import (
	"fmt"
	"strings"
	"testing"
)

// What a sheet writes is what a corrected file is read as, and lines count as
// decoders count them.
func TestSheetRoundTrip(t *testing.T) {
	ref := func(n int64) Ref { return Ref{"0123456789abcdef-delete", n} }
	for name, c := range map[string]struct {
		sheet sheet
		at    string
	}{
		"CVRS": {sheet{"cvrs", []byte("vax_event_id\tcvx"), []mend{{ref(2), []byte("a\t208")}, {ref(9), []byte("\"b\r\xf1\"")}, {ref(11), nil}}}, "[2 3 4 5]"},
		"HL7": {sheet{"hl7v2", nil, []mend{{ref(1), []byte("MSH|^~\\&|A\rPID|1\rRXA|0")}, {ref(7), []byte("MSH#^~\\&#B")},
			{ref(8), []byte("MSH|^~\\&|C\rPID|1")}}}, "[1 5 7 10]"},
	} {
		text, at := c.sheet.write()
		if got := fmt.Sprint(at); got != c.at {
			t.Errorf("%s: lines %s, want %s", name, got, c.at)
		}
		got, err := readMended(text, "fix.txt")
		if err != nil || got.format != c.sheet.format || string(got.header) != string(c.sheet.header) || len(got.records) != len(c.sheet.records) {
			t.Fatalf("%s: %v, %+v", name, err, got)
		}
		for i, m := range got.records {
			if want := c.sheet.records[i]; m.ref != want.ref || string(m.text) != string(want.text) {
				t.Errorf("%s: record %d is %v %q, want %v %q", name, i, m.ref, m.text, want.ref, want.text)
			}
		}
	}
}

func TestMendedRefused(t *testing.T) {
	for text, says := range map[string]string{
		"vax_event_id\tcvx\na\t208\n":                                         "line 1: the column replays is missing",
		"cvx\tREPLAYS \tvax_event_id\n208\t\"aa:2\"\ta\n208\taa:2\tPrivate\n": "line 3: this reject is mended twice",
		"replays\tvax_event_id\naa:2\ta\n\nPrivate\tb\n":                      "line 4: this record does not say",
		"replays\tvax_event_id\naa:0\tPrivate\n":                              "line 2: this record does not say",
		"MSH|^~\\&|A\rPID|1|Private\r":                                        "line 1: this record does not say",
		"MSH|^~\\&|A\r\nZRP|aa:1\r\nPID|1\r\nMSH|^~\\&|A\r\n":                 "line 4: this record does not say",
		"Private": "line 1: this is no file",
		"":        "line 1: this is no file",
	} {
		if _, err := readMended([]byte(text), "fix.txt"); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "Private") {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func TestReadSendersRefused(t *testing.T) {
	const head = "registry,id,name,parent,region,kind,state,agreement,training\n"
	good := "CAIR2,1,N,,,clinical,testing,2021-01-01,\n"
	if got, err := ReadSenders(strings.NewReader("\ufeff"+strings.ToUpper(head)+good), "s.csv"); err != nil || len(got) != 1 || got[0].Agreement != "2021-01-01" {
		t.Errorf("%v, %v", got, err)
	}
	for text, says := range map[string]string{
		"":                 "line 1",
		"registry,id\n":    "line 1: the column name is missing",
		head + good + good: "line 3: this id stands here twice",
		head + strings.Replace(good, "CAIR2", "cair", 1):        "line 2: the registry",
		head + strings.Replace(good, ",1,", ", ,", 1):           "line 2: the id is empty",
		head + strings.Replace(good, "testing", "live", 1):      "line 2: state",
		head + strings.Replace(good, "testing", "unknown", 1):   "line 2: state",
		head + strings.Replace(good, "clinical", "shop", 1):     "line 2: kind",
		head + strings.Replace(good, "2021-01-01", "1/1/21", 1): "line 2: agreement",
		head + "CAIR2,1\n": "line 2: 2 fields",
	} {
		if _, err := ReadSenders(strings.NewReader(text), "s.csv"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}
