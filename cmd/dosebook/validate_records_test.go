package main

import (
	"strings"
	"testing"
)

// codes lists the codes of a file's findings that are on no line.
func (v validated) codes(i int) string {
	var out []string
	for _, x := range v.Files[i].Issues {
		if x.Line == 0 {
			out = append(out, x.Code)
		}
	}
	return strings.Join(out, " ")
}

// What is said of a file as a whole: more records than CDC takes (RECORDS), a
// name that CVRS doesn't know (FILE_NAME).
func TestValidateFile(t *testing.T) {
	if testing.Short() {
		t.Skip("200,001 rows")
	}
	text := cvrsText() + strings.Repeat("1\tI\n", maxRecords)
	const name = "20210305_01_CAA.txt"
	for _, c := range []struct{ name, text, want string }{
		{name, text, ""}, {name, text + "1\tI\n", "RECORDS"}, {"doses.txt", cvrsText("1\tI\n"), "FILE_NAME"},
	} {
		if got := validateJSON(t, 2, write(t, c.name, c.text)).codes(0); got != c.want {
			t.Errorf("%s of %d bytes: %q, want %q", c.name, len(c.text), got, c.want)
		}
	}
}
