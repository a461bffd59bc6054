package synth

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// Disaster is what went wrong with a feed, by the code of the check that must
// find it (dose.SetChecks). It is planted into files that are there: the
// truth goes on saying what happened, not what the feed made of it.
type Disaster struct {
	Code     string `json:"code"`
	Registry string `json:"registry"`
	Sender   string `json:"sender,omitempty"` // its PIN: all sites of Org report by way of one system
	Org      string `json:"org,omitempty"`
	County   string `json:"county,omitempty"` // of residence
	Day      string `json:"day"`              // of administration, where it is about one day; else of the first file
}

// Disasters are seven of a registry, one of each kind, each with a sender of
// its own. Their days are such that a feed has some months behind it.
func Disasters(registry string) []Disaster {
	return []Disaster{
		{Code: "MONTH_DAY_SWAPPED", Registry: registry, Org: pharmacies[0], Sender: "900001", Day: "2021-09-01"},
		{Code: "RACE_MIX_DRIFT", Registry: registry, Org: pharmacies[1], Sender: "900002", Day: "2021-09-01"},
		{Code: "RESENT_UNDER_NEW_IDS", Registry: registry, Day: "2021-04-14"},
		{Code: "DAY_MISSING", Registry: registry, Day: "2021-04-07"},
		{Code: "LOT_IN_NDC", Registry: registry, Org: pharmacies[2], Sender: "900003", Day: "2021-10-01"},
		{Code: "FIPS_LOST_ZERO", Registry: registry, County: "06001", Day: "2021-06-01"},
		{Code: "DELETES_STOPPED", Registry: registry, Day: "2021-07-01"},
	}
}

// Plant makes the disasters happen to the CVRS files that Write left in dir,
// and writes them down in truth.json. A disaster without a Code plants the
// sender alone: what the feed looks like before anything goes wrong.
func Plant(ctx context.Context, dir string, t *Truth, all []Disaster) (err error) {
	defer dose.Wrap(&err, "plant disasters")
	p := planter{all: all, again: make([][]byte, len(all)), records: make([]int, len(all))}
	for _, d := range all {
		other := slices.ContainsFunc(t.Files, func(f File) bool { return f.Registry == d.Registry && f.Format != "" })
		if other || !slices.Contains(t.Registries, d.Registry) {
			return fmt.Errorf("%s is no registry of this world that writes CVRS: %w", d.Registry, dose.ErrInvalid)
		}
	}
	for i := range t.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f := &t.Files[i]; slices.ContainsFunc(all, func(d Disaster) bool { return d.Registry == f.Registry }) {
			if err := p.file(filepath.Join(dir, filepath.FromSlash(f.Path)), f); err != nil {
				return err
			}
		}
	}
	for k := range all {
		if err := p.sendAgain(dir, t, k); err != nil {
			return err
		}
	}
	t.Disasters = append(t.Disasters, all...)
	return writeTruth(filepath.Join(dir, "truth.json"), t)
}

// planter holds what is sent again while files are rewritten.
type planter struct {
	all     []Disaster
	head    []byte
	again   [][]byte // by disaster
	records []int
}

// file rewrites a file row by row.
func (p *planter) file(name string, f *File) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	f.Records = 0
	return whole(name, func(out *bufio.Writer) error {
		r := bufio.NewReaderSize(in, 1<<20)
		p.head, err = r.ReadBytes('\n')
		out.Write(p.head) // an error comes back on Flush
		for err == nil {
			var line []byte
			if line, err = r.ReadBytes('\n'); len(line) == 0 {
				break
			}
			if line = p.row(f, line); line != nil {
				f.Records++
				out.Write(line)
			}
		}
		if err == io.EOF {
			err = nil
		}
		return err
	})
}

// row is what becomes of a row; nil when it is not sent.
func (p *planter) row(f *File, line []byte) []byte {
	cells := bytes.Split(line, []byte{'\t'})
	if len(cells) < dose.CVRSColumns {
		return line // cut short by the world itself
	}
	for k, d := range p.all {
		switch {
		case d.Registry != f.Registry:
		case d.Code == "RESENT_UNDER_NEW_IDS":
			if f.Action == actionNames[add] && f.RepeatOf == "" && string(cells[cvrsAdminDate]) == d.Day {
				p.again[k] = append(append(p.again[k], 'N'), bytes.TrimPrefix(line, []byte(f.Registry[:1]))...)
				p.records[k]++
			}
		case !d.befalls(f, cells):
			return nil
		}
	}
	return bytes.Join(cells, []byte{'\t'})
}

// Places of CVRS columns, from 0 (CVRS v2).
const (
	cvrsCounty    = 12
	cvrsRace      = 15
	cvrsEthnicity = 21
	cvrsAdminDate = 22
	cvrsNDC       = 24
	cvrsLot       = 26
	cvrsOrg       = 32
	cvrsPIN       = 34
)

// befalls changes a row; false takes it out.
func (d Disaster) befalls(f *File, cells [][]byte) bool {
	mine := d.Org != "" && string(cells[cvrsOrg]) == d.Org && len(cells[cvrsPIN]) > 0
	if mine {
		cells[cvrsPIN] = []byte(d.Sender)
	}
	since := f.SourceDate >= d.Day
	switch date := cells[cvrsAdminDate]; {
	case d.Code == "DAY_MISSING":
		return string(date) != d.Day
	case d.Code == "DELETES_STOPPED":
		return !since || f.Action != actionNames[remove]
	case d.Code == "FIPS_LOST_ZERO" && since && string(cells[cvrsCounty]) == d.County:
		cells[cvrsCounty] = []byte(strings.TrimPrefix(d.County, "0"))
	case !mine || !since:
	case d.Code == "MONTH_DAY_SWAPPED" && len(date) == 10:
		cells[cvrsAdminDate] = slices.Concat(date[:5], date[8:], date[4:5], date[5:7])
	case d.Code == "RACE_MIX_DRIFT" && string(cells[cvrsEthnicity]) == "2135-2":
		cells[cvrsRace], cells[cvrsEthnicity] = []byte("2131-1"), []byte("2186-5")
	case d.Code == "LOT_IN_NDC" && len(cells[cvrsLot]) > 0:
		cells[cvrsNDC], cells[cvrsLot] = cells[cvrsLot], nil
	}
	return true
}

// sendAgain makes the file of the day that comes once more, a month later and
// under ids that nobody knows.
func (p *planter) sendAgain(dir string, t *Truth, k int) error {
	if p.records[k] == 0 {
		return nil
	}
	d := p.all[k]
	day, err := parseDay(d.Day)
	if err != nil {
		return err
	}
	f := File{Registry: d.Registry, Action: actionNames[add], SourceDate: dateText(day + 30), Records: p.records[k]}
	o := output{File: f}
	o.name(99)
	if err := whole(filepath.Join(dir, filepath.FromSlash(o.Path)), func(out *bufio.Writer) error {
		out.Write(p.head)
		_, err := out.Write(p.again[k])
		return err
	}); err != nil {
		return err
	}
	t.Files, t.Delivery = append(t.Files, o.File), append(t.Delivery, o.Path)
	return nil
}
