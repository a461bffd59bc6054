package synth

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// Names of the formats that a registry's files can have (Config.Formats).
const (
	CVRS = "cvrs"  // tab separated, one kind of transaction a file
	HL7  = "hl7v2" // batches of VXU^V04
	FHIR = "fhir"  // folders of NDJSON, as a bulk export writes them
)

// format is one of them.
type format uint8

const (
	inCVRS format = iota
	inHL7
	inFHIR
	numFormats
)

var formatNames = [numFormats]string{CVRS, HL7, FHIR}

// formatsOf gives each registry its format.
func formatsOf(registries []string, named map[string]string) []format {
	out := make([]format, len(registries))
	for i, r := range registries {
		out[i] = format(max(0, slices.Index(formatNames[:], named[r])))
	}
	return out
}

func checkFormats(registries []string, named map[string]string) error {
	for _, r := range slices.Sorted(maps.Keys(named)) {
		if !slices.Contains(registries, r) {
			return fmt.Errorf("a format is given for %q, which is none of the registries: %w", r, dose.ErrInvalid)
		}
		if !slices.Contains(formatNames[:], named[r]) {
			return fmt.Errorf("format %q of %s is not one of cvrs, hl7v2, fhir: %w", named[r], r, dose.ErrInvalid)
		}
	}
	return nil
}

// checksOf are the faults of a format, by the check that refuses them. What a
// format cannot have is another of its faults there: no message has too few
// fields, it lacks its ORC; what a FHIR server holds always has an id, so an
// Immunization has words for a date, or lacks the vaccine, instead.
func checksOf(f format) [numFaults]dose.Check {
	checks := [numFaults]dose.Check{noEventID: dose.EventIDMissing, badDate: dose.AdminDateBad, noDate: dose.AdminDateMissing,
		noVaccine: dose.VaccineMissing, fewFields: dose.FewFields}
	switch f {
	case inHL7:
		checks[fewFields] = dose.SegmentMissing
	case inFHIR:
		checks[noEventID], checks[fewFields] = dose.AdminDateBad, dose.VaccineMissing
	}
	return checks
}

// unnamed says whether a row of the format lacks its vaccine.
func (r *record) unnamed(f format) bool {
	return r.fault == noVaccine || f == inFHIR && r.fault == fewFields
}

// mixed says whether a file holds additions, updates and deletes together.
func (f format) mixed() bool { return f != inCVRS }

// locked says whether the person declined to have the records shared, in a
// format that carries it (HL7 PD1-12; FHIR as a label of confidentiality).
func (w *world) locked(p *person, f format) bool {
	return f != inCVRS && hash(w.seed, saltLocked, p.number)%100 == 0
}

// entered is the day on which the reporter's system recorded the event: that
// of the first report, so that a repeat says the same.
func (w *world) entered(r *record) int {
	draw := rng(hash(w.seed, saltChain, r.key))
	return r.given.day + lag(&draw, r.hearsay)
}
