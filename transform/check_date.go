package transform

import "github.com/dosebook/dosebook/dose"

// checkDates looks at each date by itself, then at birth and dose together.
func (m *Mapper) checkDates() {
	m.flag(rawDOB, dose.DateBad, func(e int) bool { return m.dob[e].prec == badDate })
	m.flag(rawExpiration, dose.DateBad, func(e int) bool { return m.expiry[e].prec == badDate })
	partial := func(d date) bool { return d.prec == yearOnly || d.prec == monthOnly }
	m.flag(rawDOB, dose.DatePartial, func(e int) bool { return partial(m.dob[e]) })
	m.flag(rawAdminDate, dose.DatePartial, func(e int) bool { return partial(m.admin[e]) })
	m.flag(rawExpiration, dose.DatePartial, func(e int) bool { return m.expiry[e].prec == yearOnly }) // a month is what labels say
	if m.opt.Today > 0 {
		future := func(d date) bool { return d.ok() && d.day > m.opt.Today }
		m.flag(rawDOB, dose.BornInFuture, func(e int) bool { return future(m.dob[e]) })
		m.flag(rawAdminDate, dose.DoseInFuture, func(e int) bool { return future(m.admin[e]) })
	}
	m.doing = dose.BornAfterDose
	limit := int32(m.levels.Limit(dose.BornLongAgo))
	dobs := m.cols[rawDOB].codes
	for i, code := range m.cols[rawAdminDate].codes {
		born, day := m.dob[dobs[i]], m.admin[code]
		if !born.ok() || !day.ok() {
			continue
		}
		if bornAfter(born, day) {
			m.add(i, dose.BornAfterDose, rawDOB)
		}
		if (day.ymd-born.ymd)>>9 > limit {
			m.add(i, dose.BornLongAgo, rawDOB)
		}
	}
	m.flag(rawSourceTime, dose.DateBad, func(e int) bool {
		return e > 0 && m.sourceTime[e] == noTime
	})
}

// span is what a date covers: a day, a month or a year.
type span struct {
	ok          bool
	first, last int32 // days since 1970-01-01
	from, to    int32 // the same as date.ymd
}

func spanOf(d date) span {
	s := span{ok: d.ok(), first: d.day, last: d.day, from: d.ymd, to: d.ymd}
	if !s.ok || d.prec == fullDate {
		return s
	}
	y, month := int(d.ymd>>9), int(d.month)
	if d.prec == yearOnly {
		month = 12
	}
	last := daysIn(y, month)
	s.last, s.to = civil(y, month, last), int32(y<<9|month<<5|last)
	return s
}

func spans(dates []date) []span {
	out := make([]span, len(dates))
	for e, d := range dates {
		out[e] = spanOf(d)
	}
	return out
}

// months counts the full months from one day to another, packed as date.ymd.
func months(from, to int32) int32 {
	n := (to>>9-from>>9)*12 + to>>5&15 - from>>5&15
	if to&31 < from&31 {
		n--
	}
	return n
}

// dayOf reads the day of a time, as the place where it was written counts it.
func dayOf(s string) date { return parseDate(s[:min(len(s), 10)]) }

// checkOrder holds the dose against the lot's expiry and against when it was
// recorded and sent.
func (m *Mapper) checkOrder() {
	day := spans(m.admin)
	days := m.cols[rawAdminDate].codes
	m.against(dose.DoseAfterExpiry, rawExpiration, m.expiry, func(i int, t span) bool { return t.last < day[days[i]].first })
	died := read(&m.cols[rawDeath], dayOf)
	m.against(dose.DoseAfterDeath, rawDeath, died, func(i int, t span) bool { return t.last < day[days[i]].first })
	if m.cols[rawDeath].dict != nil {
		m.flag(rawDeath, dose.DateBad, func(e int) bool { return e > 0 && died[e].prec == badDate })
	}
	sent := read(&m.cols[rawSourceTime], dayOf)
	m.doing = dose.DoseAfterMessage
	if c := &m.cols[rawSourceTime]; c.dict != nil {
		for i, code := range c.codes {
			if sent[code].ok() && sent[code].day < day[days[i]].first {
				m.add(i, dose.DoseAfterMessage, rawAdminDate)
			}
		}
	}
	entered := read(&m.cols[rawEntryTime], dayOf)
	m.against(dose.EnteredBeforeDose, rawEntryTime, entered, func(i int, t span) bool { return t.last < day[days[i]].first })
	late, fresh := int32(m.levels.Limit(dose.EnteredLate)), m.sources()
	from := m.cols[rawInfoSource].codes
	m.against(dose.EnteredLate, rawEntryTime, entered, func(i int, t span) bool {
		return t.first-day[days[i]].last > late && fresh[from[i]] == byGiver
	})
}

// against flags the rows whose date in the field is wrong beside the dose's.
func (m *Mapper) against(check dose.Check, field int, dates []date, bad func(row int, t span) bool) {
	c := &m.cols[field]
	if !m.on(check) || c.dict == nil {
		return
	}
	t := spans(dates)
	days := m.cols[rawAdminDate].codes
	for i, code := range c.codes {
		if t[code].ok && m.admin[days[i]].ok() && bad(i, t[code]) {
			m.add(i, check, field)
		}
	}
}

// checkDays marks the days of which there are too many where days are made up.
func (m *Mapper) checkDays() {
	odd := func(d date) bool {
		day := int(d.ymd & 31)
		return d.prec == fullDate && (day == 1 || day == 15 || day == daysIn(int(d.ymd>>9), int(d.month)))
	}
	m.flag(rawAdminDate, dose.DayCluster, func(e int) bool { return odd(m.admin[e]) })
	m.flag(rawDOB, dose.DayCluster, func(e int) bool { return odd(m.dob[e]) })
}
