package synth

import (
	"fmt"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// Config says what to make. Zero values mean the defaults; Defects has none:
// zero Defects is a world without faults.
type Config struct {
	Seed        uint64
	Rows        int      // events reported, all registries together, before defects or a second registry repeat them
	Registries  []string // default CAIR2, SDIR, RIDE; the first takes who belongs to none of the others
	Through     string   // last admin date, default 2023-12-31
	Defects     Defects
	Overlap     Overlap
	RowsPerFile int               // default 200,000 (CVRS v2, file rules); an export (FHIR) is never cut
	Formats     map[string]string // by registry: CVRS (default), HL7 or FHIR
}

// Defects are shares, 0 to 1.
type Defects struct {
	RepeatRows  float64 // events whose row comes again in a later file
	RepeatFiles float64 // files that come again under another name
	Updates     float64 // events that are corrected: lot, date, county, name
	Deletes     float64 // events that are deleted, some after an update, some to come back
	LateFiles   float64 // files delivered after newer ones
	Unusable    float64 // events whose row must be rejected; half are sent again in order
	Soft        float64 // events with a problem that doesn't keep them out
}

// DefaultDefects is a feed on a usual day.
func DefaultDefects() Defects {
	return Defects{RepeatRows: 0.004, RepeatFiles: 0.04, Updates: 0.02, Deletes: 0.006, LateFiles: 0.05, Unusable: 0.002, Soft: 0.03}
}

func (d Defects) check() error {
	for _, f := range []float64{d.RepeatRows, d.RepeatFiles, d.Updates, d.Deletes, d.LateFiles, d.Unusable, d.Soft} {
		if !(f >= 0 && f <= 1) {
			return fmt.Errorf("a share of defects is not between 0 and 1: %w", dose.ErrInvalid)
		}
	}
	if d.RepeatRows+d.Updates+d.Deletes+d.Unusable > 1 {
		return fmt.Errorf("repeats, updates, deletes and unusable rows are more than all events: %w", dose.ErrInvalid)
	}
	return nil
}

// Bounds of what can be made.
const (
	maxRows       = 100_000_000 // household numbers are kept in 27 bits
	maxRegistries = 8
)

// complete fills in the defaults and refuses what cannot be made. It returns
// the last admin date.
func (c *Config) complete() (through int, err error) {
	if len(c.Registries) == 0 {
		c.Registries = []string{"CAIR2", "SDIR", "RIDE"}
	}
	if c.Through == "" {
		c.Through = "2023-12-31"
	}
	if c.RowsPerFile == 0 {
		c.RowsPerFile = 200_000
	}
	if through, err = parseDay(c.Through); err != nil {
		return 0, fmt.Errorf("through: %w", err)
	}
	switch {
	case c.Rows < 1 || c.Rows > maxRows:
		return 0, fmt.Errorf("rows must be 1 to %d: %w", maxRows, dose.ErrInvalid)
	case c.RowsPerFile < 1:
		return 0, fmt.Errorf("rows per file must be at least 1: %w", dose.ErrInvalid)
	case through < rollout+30 || through > lastThrough:
		return 0, fmt.Errorf("through must be 2021-01-14 to 2026-06-30: %w", dose.ErrInvalid)
	}
	if err := checkRegistries(c.Registries); err != nil {
		return 0, err
	}
	if err := checkFormats(c.Registries, c.Formats); err != nil {
		return 0, err
	}
	if err := c.Defects.check(); err != nil {
		return 0, err
	}
	return through, c.Overlap.check(len(c.Registries))
}

// checkRegistries keeps names fit for a folder.
func checkRegistries(names []string) error {
	if len(names) > maxRegistries {
		return fmt.Errorf("more than %d registries: %w", maxRegistries, dose.ErrInvalid)
	}
	seen := make(map[string]bool)
	for _, n := range names {
		if n == "" || strings.Trim(n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || seen[n] {
			return fmt.Errorf("registry names are capital letters and digits, each once: %w", dose.ErrInvalid)
		}
		seen[n] = true
	}
	return nil
}
