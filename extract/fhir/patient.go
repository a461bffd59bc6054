package fhir

import (
	"strings"
	"time"
)

// person reads a Patient into the recipient's columns (FHIR R4 Patient, US
// Core Patient; domain §4.1), and returns its id and when it was last changed.
func (c *cells) person(v value) (id string, updated int64) {
	var identifiers value
	members(v, func(key string, v value) {
		switch key {
		case "id":
			id = scalar(v)
		case "meta":
			updated = c.meta(v)
		case "identifier":
			identifiers = v
		case "name":
			c.name(v)
		case "birthDate":
			c.set(colDOB, scalar(v))
		case "deceasedDateTime":
			c.set(colDeath, day(scalar(v)))
		case "gender":
			c.set(colSex, mapped(scalar(v), sexes))
		case "address":
			a := bestAddress(v)
			c.set(colStreet, a.street)
			c.set(colStreet2, a.street2)
			c.set(colCity, a.city)
			c.set(colCounty, a.county)
			c.set(colState, a.state)
			c.set(colZIP, a.zip)
		case "telecom":
			c.telecom(v)
		case "extension":
			each(v, c.extension)
		}
	})
	c.identify(identifiers, id)
	return id, updated
}

func mapped(s string, to map[string]string) string {
	if code, ok := to[s]; ok {
		return code
	}
	return s
}

// meta reads when a resource was last changed, and whether it is locked: the
// security labels restricted and very restricted (HL7 v3 Confidentiality) are
// the nearest that FHIR has to PD1-12.
func (c *cells) meta(v value) (updated int64) {
	members(v, func(key string, v value) {
		switch key {
		case "lastUpdated":
			if t, err := time.Parse(time.RFC3339, scalar(v)); err == nil {
				updated = t.UnixMicro()
			}
		case "security":
			each(v, func(v value) bool {
				if s := scalar(v.get("code")); (s == "R" || s == "V") && strings.HasSuffix(scalar(v.get("system")), "Confidentiality") {
					c.set(colProtection, "Y")
				}
				return true
			})
		}
	})
	return updated
}

// identifier is one Identifier.
type identifier struct{ system, value, use, kind string }

func identifiers(v value, f func(identifier)) {
	each(v, func(v value) bool {
		var x identifier
		members(v, func(key string, v value) {
			switch key {
			case "system":
				x.system = scalar(v)
			case "value":
				x.value = strings.TrimSpace(scalar(v))
			case "use":
				x.use = scalar(v)
			case "type":
				codings(v, func(c coding) bool {
					x.kind = c.code
					return false
				})
			}
		})
		if x.value != "" && x.use != "old" {
			f(x)
		}
		return true
	})
}

// identify chooses recip_id and pprl_id; the package comment says how.
func (c *cells) identify(list value, id string) {
	var typed, untyped string
	identifiers(list, func(x identifier) {
		switch {
		case strings.HasSuffix(x.system, "/us-ssn") || strings.HasSuffix(x.system, "2.16.840.1.113883.4.1"):
		case containsFold(x.system, "pprl") || containsFold(x.kind, "pprl"):
			if !c.has(colPPRL) {
				c.set(colPPRL, x.value)
			}
		case x.kind == "MR" || x.kind == "PI" || x.kind == "SR":
			typed = first(typed, x.value)
		case x.kind == "":
			untyped = first(untyped, x.value)
		}
	})
	c.set(colRecipient, first(first(typed, untyped), id))
}

// first returns a, or b when a is empty.
func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func containsFold(s, low string) bool { return s != "" && strings.Contains(strings.ToLower(s), low) }

// name reads the best HumanName: official, usual, without a use, any other, an
// old one last.
func (c *cells) name(v value) {
	best := 0
	each(v, func(v value) bool {
		use, family, given, middle := "", "", "", ""
		members(v, func(key string, v value) {
			switch key {
			case "use":
				use = scalar(v)
			case "family":
				family = scalar(v)
			case "given":
				given, middle = firstAndRest(v, " ")
			}
		})
		if r := nameRank(use); r > best && first(family, given) != "" {
			best = r
			c.set(colLast, family)
			c.set(colFirst, given)
			c.set(colMiddle, middle)
		}
		return true
	})
}

func nameRank(use string) int {
	switch use {
	case "official":
		return 6
	case "usual":
		return 5
	case "":
		return 4
	case "old":
		return 1
	case "maiden":
		return 2
	}
	return 3
}

// firstAndRest reads an array of texts.
func firstAndRest(v value, sep string) (head, rest string) {
	n := 0
	take := func(v value) bool {
		s := scalar(v)
		switch {
		case s == "":
		case n == 0:
			head = s
			n++
		case n == 1:
			rest = s
			n++
		default:
			rest += sep + s
		}
		return true
	}
	if v.array() {
		each(v, take)
	} else {
		take(v)
	}
	return head, rest
}

// address is an Address in our columns.
type address struct{ street, street2, city, county, state, zip string }

// bestAddress chooses among a person's addresses: current before ended, home
// before others, physical before postal. An old one is none.
func bestAddress(v value) (a address) {
	best := 0
	each(v, func(v value) bool {
		x, score := readAddress(v)
		if score > best {
			a, best = x, score
		}
		return true
	})
	return a
}

// readAddress reads one Address and how good it is as a residence; 0 for none.
func readAddress(v value) (a address, score int) {
	score = 10
	members(v, func(key string, v value) {
		switch key {
		case "use":
			switch scalar(v) {
			case "home":
				score += 4
			case "temp":
				score -= 2
			case "work", "billing":
				score -= 3
			case "old":
				score -= 100
			}
		case "type":
			if scalar(v) == "postal" {
				score--
			}
		case "period":
			if v.get("end").exists() {
				score -= 5
			}
		case "line":
			a.street, a.street2 = firstAndRest(v, ", ")
		case "city":
			a.city = scalar(v)
		case "district":
			a.county = scalar(v)
		case "state":
			a.state = stateCode(scalar(v))
		case "postalCode":
			a.zip = scalar(v)
		}
	})
	return a, max(score, 0)
}

// telecom reads the first phone and the first e-mail address that are not old.
func (c *cells) telecom(v value) {
	each(v, func(v value) bool {
		system, number, use := "", "", ""
		members(v, func(key string, v value) {
			switch key {
			case "system":
				system = scalar(v)
			case "value":
				number = scalar(v)
			case "use":
				use = scalar(v)
			}
		})
		col := colPhone
		switch {
		case use == "old", system != "phone" && system != "sms" && system != "email":
			return true
		case system == "email":
			col = colEmail
		}
		if !c.has(col) {
			c.set(col, number)
		}
		return true
	})
}

// extension reads US Core's race and ethnicity: the OMB categories, else the
// details (all details of ethnicity are kinds of 2135-2, CDCREC).
func (c *cells) extension(v value) bool {
	switch url := scalar(v.get("url")); {
	case strings.HasSuffix(url, "/us-core-race"):
		list := omb(v, "ombCategory")
		if len(list) == 0 {
			list = omb(v, "detailed")
		}
		for i, code := range list[:min(len(list), 6)] {
			c.set(colRace1+uint16(i), code)
		}
	case strings.HasSuffix(url, "/us-core-ethnicity"):
		if list := omb(v, "ombCategory"); len(list) > 0 {
			c.set(colEthnicity, list[0])
		} else if len(omb(v, "detailed")) > 0 {
			c.set(colEthnicity, "2135-2")
		}
	}
	return true
}

// omb returns the codes of an extension's parts of one kind.
func omb(v value, kind string) (codes []string) {
	each(v.get("extension"), func(v value) bool {
		if scalar(v.get("url")) == kind {
			if code := scalar(v.get("valueCoding").get("code")); code != "" {
				codes = append(codes, code)
			}
		}
		return true
	})
	return codes
}
