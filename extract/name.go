package extract

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// cvrsName is yyyymmdd_NN_AAA.txt, packed or not (CVRS v2, extract file
// conventions 2); registries name their HL7 and FHIR files in the same way.
var cvrsName = regexp.MustCompile(`(?i)^(\d{8})_(\d{2})_([a-z0-9]{3})(\.(txt|tsv|hl7|ndjson))?(\.(gz|zip))?$`)

// ParseName reads the name that CVRS gives its files, in any case. sourceTime
// is the day reported, in UTC, plus NN seconds, so that files are in order of
// date, then NN; submitter is the submitting entity's code in upper case. ok
// is false for any other name, and for a date that does not exist.
func ParseName(base string) (sourceTime time.Time, submitter string, ok bool) {
	m := cvrsName.FindStringSubmatch(base)
	if m == nil || m[4] == "" && m[6] == "" {
		return time.Time{}, "", false
	}
	day, err := time.Parse("20060102", m[1])
	if err != nil {
		return time.Time{}, "", false
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return time.Time{}, "", false
	}
	return day.Add(time.Duration(n) * time.Second), strings.ToUpper(m[3]), true
}
