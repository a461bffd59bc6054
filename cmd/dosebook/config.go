package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/snowflake"
	"github.com/dosebook/dosebook/release"
)

// config is the configuration file. Every field may be left out. Secrets are
// never read from it.
type config struct {
	Data        string  `yaml:"data"`         // data directory
	Listen      string  `yaml:"listen"`       // address of serve
	RejectLimit float64 `yaml:"reject_limit"` // share of a file's records, 0 to 1
	Precision   string  `yaml:"precision"`    // least precision of admin_date: year, month, day
	Workers     int     `yaml:"workers"`      // goroutines that decode, map and write
	Warehouse   struct {
		MemoryMB int `yaml:"memory_mb"`
		Threads  int `yaml:"threads"`

		Snowflake snowflake.Config `yaml:"snowflake,omitempty"` // docs/SNOWFLAKE.md
	} `yaml:"warehouse"`
	Matching struct { // docs/MATCHING.md
		ComponentLimit  int    `yaml:"component_limit"`
		ApartDays       int    `yaml:"apart_days"`
		SameDayOtherLot string `yaml:"same_day_other_lot"`
	} `yaml:"matching"`
	Gate      release.Limits    `yaml:"gate"`      // docs/RELEASES.md
	Retention release.Retention `yaml:"retention"` // docs/RELEASES.md

	Quality release.Thresholds `yaml:"quality"` // docs/QUALITY.md
	Public  release.PublicRule `yaml:"public"`  // docs/PUBLIC.md

	Checks map[string]map[string]dose.Setting `yaml:"checks,omitempty" json:"checks,omitempty"` // docs/CHECKS.md, by registry; "*" for all
	Feeds  []feedConfig                       `yaml:"feeds,omitempty"`                          // docs/FEEDS.md
	Notify notifyConfig                       `yaml:"notify,omitempty"`                         // who is told of late, held and failing feeds

	SignIn  *signInConfig `yaml:"sign_in,omitempty"` // docs/ACCESS.md
	TLS     tlsConfig     `yaml:"tls,omitempty"`
	Proxies []string      `yaml:"proxies,omitempty"` // addresses whose X-Forwarded-For is believed

	levels map[string]dose.Levels // of Checks
}

// settle reads the settings of the checks: a registry's own stand over those
// for all.
func (c *config) settle() error {
	c.levels = make(map[string]dose.Levels, len(c.Checks))
	var errs []error
	for registry, own := range c.Checks {
		all := maps.Clone(c.Checks["*"])
		if all == nil {
			all = make(map[string]dose.Setting, len(own))
		}
		maps.Copy(all, own)
		l, err := dose.NewLevels(all)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", registry, err))
		}
		c.levels[registry] = l
	}
	return errors.Join(errs...)
}

// readConfig reads the file, then lets the environment and flags win.
func (e *env) readConfig(_ *cobra.Command) error {
	e.config = config{Listen: "127.0.0.1:8080", RejectLimit: 0.05, Precision: "year", Workers: runtime.GOMAXPROCS(0),
		Gate: release.DefaultLimits(), Retention: release.DefaultRetention(), Quality: release.DefaultThresholds(), Public: release.DefaultPublic()}
	if e.configFile != "" {
		b, err := os.ReadFile(e.configFile)
		if err != nil {
			return fmt.Errorf("configuration: %w: %w", err, dose.ErrInvalid)
		}
		d := yaml.NewDecoder(bytes.NewReader(b))
		d.KnownFields(true)
		if err := d.Decode(&e.config); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("configuration %s: %w: %w", e.configFile, err, dose.ErrInvalid)
		}
	}
	if err := errors.Join(e.config.check(), e.config.settle(), e.config.Quality.Check(), e.config.Public.Check(), e.checkFeeds(), e.config.checkWeb()); err != nil {
		return fmt.Errorf("configuration %s: %w", e.configFile, err)
	}
	for _, d := range []string{e.data, os.Getenv("DOSEBOOK_DATA"), e.config.Data, "dosebook-data"} {
		if d != "" {
			e.data = d
			break
		}
	}
	abs, err := filepath.Abs(e.data)
	e.data = abs
	return err
}

func (c *config) check() error {
	var errs []error
	if c.RejectLimit < 0 || c.RejectLimit > 1 {
		errs = append(errs, fmt.Errorf("reject_limit is a share from 0 to 1: %w", dose.ErrInvalid))
	}
	if c.Precision != "year" && c.Precision != "month" && c.Precision != "day" {
		errs = append(errs, fmt.Errorf("precision is year, month or day: %w", dose.ErrInvalid))
	}
	if c.Workers < 1 || c.Workers > 256 {
		errs = append(errs, fmt.Errorf("workers is 1 to 256: %w", dose.ErrInvalid))
	}
	if s := c.Warehouse.Snowflake; s.Set() {
		errs = append(errs, s.Check())
	}
	return errors.Join(append(errs, c.checkRelease())...)
}

func configCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	c.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Read the configuration file and print what is in force",
		Long: `Read the configuration file and print what is in force, with the defaults
filled in. Unknown keys are errors, so that a typing mistake is seen.`,
		Example: `  dosebook config check --config dosebook.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			e.config.Data = e.data
			if e.json {
				return e.printJSON(e.config)
			}
			b, err := yaml.Marshal(e.config)
			if err != nil {
				return err
			}
			_, err = e.out.Write(b)
			return err
		},
	})
	return c
}
