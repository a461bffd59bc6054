package transform

import (
	"strconv"

	"github.com/dosebook/dosebook/dose"
)

// judge finds the rows that can't be used (DESIGN §5.7, "Reject or issue"): no
// id, no possible date, no vaccine, a missed appointment. Of a delete only the
// key is asked. Of a sender that is not cleared nothing is used, deletes
// neither (docs/SENDERS.md); nor of a row that a check crashed on. On the way it settles which rows delete, and the CVX.
func (m *Mapper) judge() []dose.Reject {
	m.doing = dose.AdminDateBad
	m.tombstones()
	m.findCVX()
	m.dob = read(&m.cols[rawDOB], parseDate)
	m.admin = read(&m.cols[rawAdminDate], parseDate)
	missed := table(&m.cols[rawMissed], func(s string) bool { return s == "YES" })
	ids, dates, appts := m.cols[rawEventID].text, m.cols[rawAdminDate].codes, m.cols[rawMissed].codes
	m.senders.bind(m)
	var out []dose.Reject
	for i := range m.n {
		prec := m.admin[dates[i]].prec
		check, held := m.senders.quarantine(m, i)
		crashed := m.crashed != nil && m.crashed[i] != ""
		if !crashed && !held && prec >= m.precision && m.cvx[i] >= 0 && ids.IsValid(i) && !missed[appts[i]] {
			continue
		}
		r := dose.Reject{Row: int32(i), Line: m.line[i]}
		var field int
		if r.Sender, field = sender(m, i); field < 0 {
			field = rawSenderID // the first place to look
		}
		switch {
		case crashed:
			r.Check, r.Note = dose.RuleCrashed, m.crashed[i]
		case held:
			r.Check, r.Field = check, m.cols[field].name
		case ids.IsNull(i):
			r.Check, r.Field = dose.EventIDMissing, "vax_event_id"
		case m.dead[i]:
			continue
		case missed[appts[i]]:
			r.Check, r.Field = dose.MissedAppointment, "recip_missed_appt"
		case prec == noDate:
			r.Check, r.Field = dose.AdminDateMissing, "admin_date"
		case prec == badDate:
			r.Check, r.Field = dose.AdminDateBad, "admin_date"
		case prec < m.precision:
			r.Check, r.Field = dose.AdminDateCoarse, "admin_date"
		default:
			r.Check, r.Field = dose.VaccineMissing, "cvx"
		}
		out = append(out, r)
	}
	return out
}

// tombstones settles which rows delete: by their own action, else by the
// feed's.
func (m *Mapper) tombstones() {
	c := &m.cols[rawAction]
	deletes := table(c, func(s string) bool { return s == "D" || s != "A" && s != "U" && m.opt.Action == "D" })
	deletes[0] = m.opt.Action == "D"
	m.dead = resize(m.dead, m.n)
	for i, code := range c.codes {
		m.dead[i] = deletes[code]
	}
}

// findCVX sets each row's CVX: as sent when it is a number, else that of a
// known NDC, else -1.
func (m *Mapper) findCVX() {
	sent := m.sentCVX()
	ndc := read(&m.cols[rawNDC], func(s string) int32 {
		if p, ok := m.opt.Codes.Product(s); ok {
			return int32(p.CVX)
		}
		return -1
	})
	ndc[0] = -1
	m.cvx = resize(m.cvx, m.n)
	ndcs := m.cols[rawNDC].codes
	for i, code := range m.cols[rawCVX].codes {
		v := sent[code]
		if v < 0 {
			v = ndc[ndcs[i]]
		}
		m.cvx[i] = v
	}
}

// sentCVX reads the CVX column by code; -1 is no number. Leading zeros are
// fine.
func (m *Mapper) sentCVX() []int32 {
	t := read(&m.cols[rawCVX], func(s string) int32 {
		if n, err := strconv.ParseUint(s, 10, 31); err == nil {
			return int32(n)
		}
		return -1
	})
	t[0] = -1
	return t
}
