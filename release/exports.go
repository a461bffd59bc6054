package release

import (
	"errors"

	"github.com/dosebook/dosebook/load"
)

// exports are the warehouse's answers that are read beside the segments.
type exports struct {
	people  *ordered // sql/models/51_release_recipients.sql
	renamed *ordered // sql/models/55_release_renamed.sql
}

func openExports(people, renamed string) (*exports, error) {
	p, err := openOrdered(people)
	if err != nil {
		return nil, err
	}
	r, err := openOrdered(renamed)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return &exports{p, r}, nil
}

func (x *exports) close() error { return errors.Join(x.people.close(), x.renamed.close()) }

// names are the rows of a row group whose person or dose is not named by
// their own keys.
type names struct {
	row          []int32
	person, dose []int64
}

func (x *exports) names(gr group) (*names, error) {
	n := &names{}
	first := load.Place(gr.entry.Seq, gr.base)
	err := x.renamed.before(first+int64(len(gr.facts)), func(c []source, row int) {
		n.row = append(n.row, int32(c[0].i64[row]-first))
		n.person = append(n.person, c[1].i64[row])
		n.dose = append(n.dose, c[2].i64[row])
	})
	return n, err
}

// rename puts the names in place of the keys; it leaves other columns alone.
func (n *names) rename(column string, s *source) {
	var to []int64
	switch column {
	case "recip_key":
		to = n.person
	case "event_key":
		to = n.dose
	}
	for i, v := range to {
		s.i64[s.at[n.row[i]]] = v
	}
}
