package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Thresholds say when a figure of quality is a finding. Shares are percents.
// A release is judged by the default ones, so that the same ledger position
// gives the same bytes; whoever asks may judge it again by others.
type Thresholds struct {
	Window          int `yaml:"window" json:"window"`                     // days of reports looked at together
	Baseline        int `yaml:"baseline" json:"baseline"`                 // days before them that they are held against
	SettleDays      int `yaml:"settle_days" json:"settle_days"`           // the last days of reports, whose doses are still coming in
	MissingExpected int `yaml:"missing_expected" json:"missing_expected"` // DAY_MISSING: least doses expected of the day
	VolumeExpected  int `yaml:"volume_expected" json:"volume_expected"`   // VOLUME_OUT_OF_RANGE: least doses expected
	VolumeTimes     int `yaml:"volume_times" json:"volume_times"`         // and how many times more or less than that
	SwapEvents      int `yaml:"swap_events" json:"swap_events"`           // MONTH_DAY_SWAPPED: least events of a window
	SwapPercent     int `yaml:"swap_percent" json:"swap_percent"`         // and most of them on the 13th or later
	FirstEvents     int `yaml:"first_events" json:"first_events"`         // FIRST_OF_MONTH_CLUSTER: least events
	FirstPercent    int `yaml:"first_percent" json:"first_percent"`       // and least share on the first
	RaceEvents      int `yaml:"race_events" json:"race_events"`           // RACE_MIX_DRIFT: least events of the window; twice as many before
	RacePoints      int `yaml:"race_points" json:"race_points"`           // least change, in points
	RaceZ           int `yaml:"race_z" json:"race_z"`                     // least z of the two shares
	LotEvents       int `yaml:"lot_events" json:"lot_events"`             // LOT_IN_NDC: least events
	LotPercent      int `yaml:"lot_percent" json:"lot_percent"`
	ZeroEvents      int `yaml:"zero_events" json:"zero_events"` // FIPS_LOST_ZERO: least events of a county
	ZeroPercent     int `yaml:"zero_percent" json:"zero_percent"`
	UnknownEvents   int `yaml:"unknown_events" json:"unknown_events"` // UNKNOWN_COUNTY_SHARE: least events
	UnknownPercent  int `yaml:"unknown_percent" json:"unknown_percent"`
	ResentEvents    int `yaml:"resent_events" json:"resent_events"` // RESENT_UNDER_NEW_IDS: least events of a day
	ResentPercent   int `yaml:"resent_percent" json:"resent_percent"`
	DeletesBefore   int `yaml:"deletes_before" json:"deletes_before"`     // DELETES_STOPPED: least deletes that came before
	DeletesExpected int `yaml:"deletes_expected" json:"deletes_expected"` // and least expected since
}

// DefaultThresholds raise no finding on synthetic registries without a
// disaster (docs/QUALITY.md says what was measured).
func DefaultThresholds() Thresholds {
	return Thresholds{Window: 28, Baseline: 180, SettleDays: 14, MissingExpected: 30, VolumeExpected: 100, VolumeTimes: 5, SwapEvents: 25, SwapPercent: 5,
		FirstEvents: 40, FirstPercent: 30, RaceEvents: 50, RacePoints: 15, RaceZ: 6, LotEvents: 10, LotPercent: 5, ZeroEvents: 30, ZeroPercent: 50,
		UnknownEvents: 100, UnknownPercent: 5, ResentEvents: 10, ResentPercent: 20, DeletesBefore: 20, DeletesExpected: 12}
}

// Check refuses thresholds that are no thresholds.
func (t Thresholds) Check() error {
	for i, v := range t.all() {
		if n, err := strconv.Atoi(v); i%2 == 1 && (err != nil || n < 1 || n > 100_000) {
			return fmt.Errorf("quality: %s is 1 to 100000: %w", strings.Trim(t.all()[i-1], "{}"), dose.ErrInvalid)
		}
	}
	return nil
}

// all are the names in the SQL text, each followed by its value.
func (t Thresholds) all() []string {
	n := strconv.Itoa
	return []string{"{window}", n(t.Window), "{baseline}", n(t.Baseline), "{settle_days}", n(t.SettleDays), "{missing_expected}", n(t.MissingExpected),
		"{volume_expected}", n(t.VolumeExpected), "{volume_times}", n(t.VolumeTimes), "{swap_events}", n(t.SwapEvents), "{swap_percent}", n(t.SwapPercent),
		"{first_events}", n(t.FirstEvents), "{first_percent}", n(t.FirstPercent), "{race_events}", n(t.RaceEvents), "{race_points}", n(t.RacePoints),
		"{race_z}", n(t.RaceZ), "{lot_events}", n(t.LotEvents), "{lot_percent}", n(t.LotPercent), "{zero_events}", n(t.ZeroEvents),
		"{zero_percent}", n(t.ZeroPercent), "{unknown_events}", n(t.UnknownEvents), "{unknown_percent}", n(t.UnknownPercent),
		"{resent_events}", n(t.ResentEvents), "{resent_percent}", n(t.ResentPercent), "{deletes_before}", n(t.DeletesBefore), "{deletes_expected}", n(t.DeletesExpected)}
}

// QualityTables are the tables of figures in a release, in the order in which
// they are made; quality_finding is made of them.
var QualityTables = [...]string{"quality_day", "quality_given", "quality_county"}

// FindingQuery is the query for the findings of the tables in the folder root.
func FindingQuery(root string, t Thresholds) (string, error) {
	text, err := sqltext.Text("models/64_quality_finding.sql")
	if err != nil {
		return "", err
	}
	with := append(t.all(), "{window_less_one}", strconv.Itoa(t.Window-1), "{window_and_baseline}", strconv.Itoa(t.Window+t.Baseline), "{rules}", setRules())
	for _, table := range QualityTables {
		with = append(with, "{"+strings.TrimPrefix(table, "quality_")+"}", "read_parquet("+quote(filepath.Join(root, table+".parquet"))+")")
	}
	return strings.NewReplacer(with...).Replace(text), nil
}

// setRules lists the checks for SQL.
func setRules() string {
	var rows []string
	for _, c := range dose.SetChecks() {
		rows = append(rows, fmt.Sprintf("(%s, %s, %s, %s, %s)", quote(c.Code), quote(c.Severity.String()), quote(c.Says), quote(c.Unit), quote(c.Remedy)))
	}
	return strings.Join(rows, ", ")
}

// quality makes the tables of figures and the findings.
func (b *builder) quality(ctx context.Context) (files []File, err error) {
	rows, err := b.qualityRows(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	with, err := b.rejectSources()
	if err != nil {
		return nil, err
	}
	var quoted []string
	for _, path := range rows {
		quoted = append(quoted, quote(path))
		defer func() { err = errors.Join(err, os.Remove(path)) }()
	}
	with = append(append(with, "{row}", "read_parquet(["+strings.Join(quoted, ", ")+"])"), qualityBits()...)
	for i, table := range QualityTables {
		name := table + ".parquet"
		if err := b.export(ctx, fmt.Sprintf("models/%d_%s.sql", 61+i, table), filepath.Join(b.dir, name), with...); err != nil {
			return nil, err
		}
		f, err := describe(b.dir, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	query, err := FindingQuery(b.dir, DefaultThresholds())
	if err != nil {
		return nil, err
	}
	if err := b.exportText(ctx, query, filepath.Join(b.dir, "quality_finding.parquet")); err != nil {
		return nil, err
	}
	f, err := describe(b.dir, "quality_finding.parquet")
	return append(files, f), err
}

// usualUse lists the days of each COVID-19 vaccine's usual use.
func usualUse() string {
	day := func(s string) string {
		if s == "" {
			return "null::date"
		}
		return "date " + quote(s)
	}
	var rows []string
	for _, v := range dose.Vaccines() {
		if v.COVID && v.From+v.To != "" {
			rows = append(rows, fmt.Sprintf("(%d, %s, %s)", v.CVX, day(v.From), day(v.To)))
		}
	}
	return strings.Join(rows, ", ")
}
