package release

var seriesStatus = [...]string{"none", "partial", "complete"}

// set fills the columns of a part that no segment has.
func (w *writer) set(p *rowsFor, gr group) {
	cols := w.part(p.part).cols
	if p.part%3 == recipientRows {
		for k, f := range w.recip {
			if f.segment < 0 {
				for _, s := range p.who {
					setRecipient(&cols[k], f.name, s)
				}
			}
		}
		return
	}
	for k, f := range w.event {
		if f.segment >= 0 {
			continue
		}
		for j, row := range p.rows {
			setEvent(&cols[k], f.name, gr, row, p.why[j])
		}
	}
}

func setEvent(s *sink, name string, gr group, row int32, why int8) {
	code, gap := gr.facts[row].code, gr.facts[row].gap
	switch name {
	case "is_primary":
		s.int(int32(code&factPrimary) / factPrimary)
	case "dose_ordinal":
		if n := code >> factOrdinal; n > 0 {
			s.int(int32(n))
		} else {
			s.skip(1)
		}
	case "interval_days":
		if gap >= 0 {
			s.int(int32(gap))
		} else {
			s.skip(1)
		}
	case "interval_valid":
		if code&(factKept|factShort) != 0 {
			s.int(int32(code & factKept / factKept))
		} else {
			s.skip(1)
		}
	case "series_status":
		s.text(seriesStatus[code&(factPartial|factComplete)/factPartial])
	case "visible_because":
		s.text(because[why])
	case "reported_at":
		s.big(gr.reportedAt(row))
	case "segment":
		s.text(gr.entry.Segment)
	default:
		s.skip(1)
	}
}

func setRecipient(s *sink, name string, r seen) {
	switch name {
	case "doses":
		s.int(r.doses)
	case "vax_received":
		s.text(makers(r.makers))
	case "fully_vaccinated":
		switch {
		case r.part:
			s.skip(1)
		case r.has[fullDay]:
			s.int(1)
		default:
			s.int(0)
		}
	case "visible_because":
		if r.part {
			s.text(because[1])
		} else {
			s.text(because[0])
		}
	default:
		setDay(s, name, r)
	}
}

// days are the date columns of a recipient, in the order of seen.days.
var days = [...]string{"ds1_admin_date", "ds2_admin_date", "ds3_admin_date", "ds4_admin_date", "ds5_admin_date", "ds6_admin_date", "last_admin_date",
	"fully_vaccinated_date", "fully_vaccinated_2021_date", "booster_date", "bivalent_date", "up_to_date_date"}

// fullDay is the place of fully_vaccinated_date in days.
const fullDay = 7

func setDay(s *sink, name string, r seen) {
	for i, d := range days {
		if d == name && r.has[i] {
			s.int(r.days[i])
			return
		}
	}
	s.skip(1)
}
