package transform

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
)

// makers tells how each segment column is made that is not a raw column
// passed on.
func makers() map[string]func(*Mapper) arrow.Array {
	return map[string]func(*Mapper) arrow.Array{
		"registry":             (*Mapper).registry,
		"recip_dob":            func(m *Mapper) arrow.Array { return m.dates(rawDOB, m.dob) },
		"admin_date":           func(m *Mapper) arrow.Array { return m.dates(rawAdminDate, m.admin) },
		"vax_expiration":       func(m *Mapper) arrow.Array { return m.dates(rawExpiration, m.expiry) },
		"cvx":                  func(m *Mapper) arrow.Array { return integers(m.cvx, -1) },
		"is_historical":        (*Mapper).historical,
		"completion":           (*Mapper).completion,
		"admin_date_precision": func(m *Mapper) arrow.Array { return m.precisions(rawAdminDate, m.admin) },
		"recip_dob_precision":  func(m *Mapper) arrow.Array { return m.precisions(rawDOB, m.dob) },
		"county":               func(m *Mapper) arrow.Array { return m.fixed.places.column(m.place.county) },
		"county_method":        func(m *Mapper) arrow.Array { return m.fixed.methods.column(m.place.method) },
		"admin_county":         func(m *Mapper) arrow.Array { return m.fixed.places.column(m.place.admin) },
		"lhj":                  func(m *Mapper) arrow.Array { return m.fixed.places.column(m.place.lhj) },
		"hpi_quartile":         func(m *Mapper) arrow.Array { return integers(m.place.quartile, 0) },
		"recip_race_eth":       (*Mapper).raceEth,
		"recip_age":            func(m *Mapper) arrow.Array { return integers(m.ages(), -1) },
		"recip_age_group":      (*Mapper).ageGroups,
		"vaccine_name":         (*Mapper).vaccineName,
		"manufacturer":         (*Mapper).manufacturer,
		"vaccine_type":         (*Mapper).vaccineType,
		"line":                 (*Mapper).lines,
		"source_time":          (*Mapper).sourceTimes,
		"tombstone":            func(m *Mapper) arrow.Array { return booleans(m.n, func(i int) uint8 { return 1 + bit(m.dead[i]) }) },
		"event_key":            (*Mapper).eventKey,
		"recip_key":            (*Mapper).recipKey,
		"name_key":             (*Mapper).nameKey,
		"lot_key":              (*Mapper).lotKey,
		"org_key":              (*Mapper).orgKey,
		"content_key":          (*Mapper).contentKey,
		"filled":               (*Mapper).filled,
	}
}

func passOn(i int) func(*Mapper) arrow.Array {
	return func(m *Mapper) arrow.Array { return m.cols[i].array() }
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// integers makes a column of values, those equal to none being null. It
// copies, since values are scratch.
func integers[T int32 | int64](values []T, none T) arrow.Array {
	bits, nulls := validity(len(values), func(i int) bool { return values[i] != none })
	var dt arrow.DataType = arrow.PrimitiveTypes.Int32
	if _, big := any(none).(int64); big {
		dt = arrow.PrimitiveTypes.Int64
	}
	return numbers(dt, append([]T(nil), values...), bits, nulls)
}

func (m *Mapper) registry() arrow.Array {
	if m.opt.Registry == "" {
		return m.cols[rawRegistry].array()
	}
	codes := make([]int32, m.n)
	for i := range codes {
		codes[i] = 1
	}
	d := newDict(m.opt.Registry)
	return d.column(codes)
}

func (m *Mapper) dates(field int, t []date) arrow.Array {
	codes := m.cols[field].codes
	days := make([]int32, m.n)
	for i, c := range codes {
		days[i] = t[c].day
	}
	bits, nulls := validity(m.n, func(i int) bool { return t[codes[i]].ok() })
	return numbers(arrow.FixedWidthTypes.Date32, days, bits, nulls)
}

func (m *Mapper) precisions(field int, t []date) arrow.Array {
	out := make([]int32, m.n)
	for i, c := range m.cols[field].codes {
		if d := t[c]; d.ok() {
			out[i] = int32(d.prec-yearOnly) + 1
		}
	}
	return m.fixed.precisions.column(out)
}

// historical reads the information source (HL7 NIP001): 00 is a dose that the
// reporter gave, 01–08 are doses that somebody else gave.
func (m *Mapper) historical() arrow.Array {
	c := &m.cols[rawInfoSource]
	t := read(c, func(s string) uint8 {
		switch {
		case s == "00":
			return 1
		case len(s) == 2 && s > "00" && s <= "08":
			return 2
		}
		return 0
	})
	return booleans(m.n, func(i int) uint8 { return t[c.codes[i]] })
}

// completion is as sent, else CP; a refusal makes it RE (HL7 RXA-20; CVRS v2
// field 43).
func (m *Mapper) completion() arrow.Array {
	d := newDict("CP", "RE")
	c, refusal := &m.cols[rawCompletion], &m.cols[rawRefusal]
	sent := table(c, d.code)
	sent[0] = 1
	refused := table(refusal, func(s string) bool { return s == "YES" })
	out := make([]int32, m.n)
	for i, code := range c.codes {
		out[i] = sent[code]
		if out[i] == 1 && refused[refusal.codes[i]] {
			out[i] = 2
		}
	}
	return d.column(out)
}

// raceEth derives CDPH's label (dose.RaceEth) from what the codes say in
// numbers: races seen and the first of them.
func (m *Mapper) raceEth() arrow.Array {
	const latino = 1 << 9
	acc := make([]int32, m.n) // latino, seen, first + 1, as fixed.race is indexed
	for f := rawRace1; f <= rawRace1+6; f++ {
		c := &m.cols[f]
		if c.dict == nil {
			continue
		}
		t := read(c, func(s string) int32 {
			if dose.IsLatino(s) {
				return latino
			}
			if r := dose.Race(s); r >= 0 && f != rawEthnicity {
				return 1<<(3+r) | int32(r+1)
			}
			return 0
		})
		for i, code := range c.codes {
			v := t[code]
			if acc[i]&7 != 0 {
				v &^= 7 // not the first
			}
			acc[i] |= v
		}
	}
	for i, v := range acc {
		acc[i] = m.fixed.race[v]
	}
	return m.fixed.races.column(acc)
}

// ages are full years on admin_date, -1 where unknown.
func (m *Mapper) ages() []int32 {
	out := make([]int32, m.n)
	dobs := m.cols[rawDOB].codes
	for i, code := range m.cols[rawAdminDate].codes {
		out[i] = age(m.dob[dobs[i]], m.admin[code])
	}
	return out
}

func (m *Mapper) ageGroups() arrow.Array {
	var group [122]int32
	for a := range group {
		group[a] = m.fixed.ages.code(dose.AgeGroup(a-1, a > 0))
	}
	out := m.ages()
	for i, a := range out {
		out[i] = group[a+1]
	}
	return m.fixed.ages.column(out)
}

func (m *Mapper) vaccineName() arrow.Array {
	d, out := newDict(), make([]int32, m.n)
	var codes [maxCVX]int32
	for i, cvx := range m.cvx {
		if uint32(cvx) >= maxCVX {
			continue
		}
		if codes[cvx] == 0 {
			codes[cvx] = d.code(m.fixed.vaccine(cvx).name)
		}
		out[i] = codes[cvx]
	}
	return d.column(out)
}

// manufacturer is the maker by CVX; where the CVX names none, by MVX.
func (m *Mapper) manufacturer() arrow.Array {
	out := make([]int32, m.n)
	mvx := read(&m.cols[rawMVX], func(s string) int32 { return m.fixed.makers.code(dose.Manufacturer(s)) })
	codes := m.cols[rawMVX].codes
	for i, cvx := range m.cvx {
		if out[i] = m.fixed.vaccine(cvx).maker; out[i] == 0 {
			out[i] = mvx[codes[i]]
		}
	}
	return m.fixed.makers.column(out)
}

// vaccineType is dose.CodeTables.VaccineType over lookups: NDC and day say their season
// once each.
func (m *Mapper) vaccineType() arrow.Array {
	type product struct{ cvx, kind int32 }
	types := &m.fixed.types
	ndc := read(&m.cols[rawNDC], func(s string) product {
		p, _ := m.opt.Codes.Product(s)
		return product{int32(p.CVX), types.code(m.opt.Codes.VaccineType(p.CVX, p.NDC, 0))}
	})
	day := make([]int32, len(m.admin))
	for e, d := range m.admin {
		day[e] = types.code(dose.SeasonOn(d.day))
	}
	none := types.code("other")
	ndcs, days := m.cols[rawNDC].codes, m.cols[rawAdminDate].codes
	out := make([]int32, m.n)
	for i, cvx := range m.cvx {
		v := m.fixed.vaccine(cvx)
		switch p := ndc[ndcs[i]]; {
		case cvx < 0: // a delete without a vaccine
		case v.name == "":
			out[i] = none
		case v.kind != 0:
			out[i] = v.kind
		case p.cvx == cvx:
			out[i] = p.kind
		default:
			out[i] = day[days[i]]
		}
	}
	return types.column(out)
}

func (m *Mapper) lines() arrow.Array { return integers(m.line, 0) }

const noTime = math.MinInt64

// times reads a column of times, noTime where there is none.
func times(c *column) []int64 {
	t := read(c, func(s string) int64 {
		if t, ok := parseTime(s); ok {
			return t
		}
		return noTime
	})
	t[0] = noTime
	return t
}

func (m *Mapper) sourceTimes() arrow.Array {
	out := make([]int64, m.n)
	for i, code := range m.cols[rawSourceTime].codes {
		out[i] = m.sourceTime[code]
	}
	bits, nulls := validity(m.n, func(i int) bool { return out[i] != noTime })
	return numbers(dose.Time.Arrow(), out, bits, nulls)
}
