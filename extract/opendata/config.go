package opendata

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"

	"github.com/dosebook/dosebook/dose"
)

// Config says which table.
type Config struct {
	Portal   string            `yaml:"portal"`    // https://data.cdc.gov
	Kind     string            `yaml:"kind"`      // soda or ckan
	Dataset  string            `yaml:"dataset"`   // soda: four-by-four id; ckan: name or id of the package
	Resource string            `yaml:"resource"`  // ckan: id or name of the resource; empty: its only CSV
	Via      string            `yaml:"via"`       // ckan: rows (datastore) or file; empty: rows where there is a datastore
	Where    string            `yaml:"where"`     // soda: condition in SoQL
	Filters  map[string]string `yaml:"filters"`   // ckan, by rows: column: value
	Page     int               `yaml:"page"`      // rows a request; empty: 10000
	Name     string            `yaml:"name"`      // of the payload; empty: made of the dataset
	TokenEnv string            `yaml:"token_env"` // environment variable with the app token or API key
}

// Limits of a page: SODA 2.0 gives at most 50,000 rows (dev.socrata.com,
// "Paging through data"), CKAN 32,000 (ckan.datastore.search.rows_max).
const (
	defaultPage = 10_000
	sodaPage    = 50_000
	ckanPage    = 32_000
)

var (
	fourByFour = regexp.MustCompile(`^[a-z0-9]{4}-[a-z0-9]{4}$`)
	plainName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]*$`)
)

// Check tells every mistake. The error is of kind dose.ErrInvalid.
func (c Config) Check() error {
	var all []error
	no := func(bad bool, text string, args ...any) {
		if bad {
			all = append(all, fmt.Errorf("opendata: "+text+": %w", append(args, dose.ErrInvalid)...))
		}
	}
	u, err := url.Parse(c.Portal)
	ok := err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	no(!ok, "portal is the portal's address, such as https://data.cdc.gov")
	no(ok && u.Scheme != "https" && !(u.Scheme == "http" && loopback(u)), "portal must begin with https://")
	most := sodaPage
	switch c.Kind {
	case "soda":
		no(!fourByFour.MatchString(c.Dataset), "dataset is the table's id at the portal, four characters, a dash, four characters, such as 8xkx-amqh")
		no(c.Resource != "" || c.Via != "" || len(c.Filters) > 0, "resource, via and filters are for kind: ckan; use where")
	case "ckan":
		most = ckanPage
		no(!plainName.MatchString(c.Dataset), "dataset is the name or id of the package, the last part of its page's address")
		no(c.Where != "", "where is for kind: soda; use filters")
		no(c.Via != "" && c.Via != "rows" && c.Via != "file", "via is rows or file")
		no(c.Via == "file" && len(c.Filters) > 0, "filters need via: rows")
	default:
		no(true, "kind is soda or ckan")
	}
	no(c.Page < 0 || c.Page > most, "page is at most %d rows", most)
	no(c.Name != "" && !plainName.MatchString(c.Name), "name is a file name of letters, digits, dot, dash and underscore")
	return errors.Join(all...)
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Config) host() string {
	u, err := url.Parse(c.Portal)
	if err != nil {
		return ""
	}
	return u.Host
}

func (c Config) page() int {
	if c.Page == 0 {
		return defaultPage
	}
	return c.Page
}

// name is the payload's.
func (c Config) name() string {
	switch {
	case path.Ext(c.Name) == ".csv":
		return c.Name
	case c.Name != "":
		return c.Name + ".csv"
	case c.Resource != "" && plainName.MatchString(c.Resource):
		return c.Resource + ".csv"
	}
	return c.Dataset + ".csv"
}

// query is a hash of what decides which rows come.
func (c Config) query() string {
	text, err := json.Marshal([]any{c.Portal, c.Kind, c.Dataset, c.Resource, c.Via, c.Where, c.Filters})
	if err != nil {
		return ""
	}
	return digest(text)[:16]
}
