package main

import (
	"slices"
	"strings"
	"testing"
)

// A file of more records than CDC takes (RECORDS) is told so, and nothing else
// is asked of it for that.
func TestValidateTooManyRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("200,001 rows")
	}
	text := cvrsText() + strings.Repeat("1\tI\n", maxRecords)
	const name, finding = "20210305_01_CAA.txt", "0 WARN RECORDS "
	if got := validateJSON(t, 2, write(t, name, text)).found(0); slices.Contains(got, finding) {
		t.Error("found in a file of as many as CDC takes")
	}
	if got := validateJSON(t, 2, write(t, name, text+"1\tI\n")).found(0); !slices.Contains(got, finding) {
		t.Error("not found")
	}
}
