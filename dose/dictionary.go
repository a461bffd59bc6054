package dose

import (
	"fmt"
	"strings"
)

// DataDictionary returns docs/DATA.md: every column, check and code as declared
// here, in Markdown. A test keeps the file equal to it.
func DataDictionary() string {
	var w strings.Builder
	w.WriteString(`# Data dictionary

Made from the declarations in package ` + "`dose`" + `; don't edit: ` + "`go test ./dose -run DataDictionary -update`" + ` writes it again.

Contents: [dose_event](#dose_event) · [recipient](#recipient) · [what else lies in the lake](#what-else-lies-in-the-lake) · [raw schema](#raw-schema) · [places](#places) · [vaccines](#vaccines) · [products](#products) · [value sets](#value-sets) · [checks](#checks)

*Level* is the least level of access that sees a column: deidentified (45 CFR 164.514(b)(2)), limited (164.514(e)), identified; what a lower level sees of it follows, if anything. *From* is who makes it: reported (as the registry sent it), row (derived from the row alone), set (derived from all rows; in releases only).

## dose_event

One row per reported event in its current version, deletes left out. The key is (` + "`registry`, `vax_event_id`" + `).

`)
	writeColumns(&w, ReleaseColumns(), true)
	w.WriteString("\n## recipient\n\nOne row a person. Columns of dose_event are those of the person's latest dose.\n\n")
	writeColumns(&w, Recipient(), true)
	w.WriteString("\n## What else lies in the lake\n\nIn segments only; never released. Keys are labels for joins.\n\n")
	writeColumns(&w, Only(event, Lake), true)
	w.WriteString("\n## Raw schema\n\nWhat decoders hand on: text as it came, null where absent.\n\n")
	writeColumns(&w, raw, false)
	writePlaces(&w)
	writeVaccines(&w)
	writeCodes(&w)
	w.WriteString("\n## Checks\n\n[CHECKS.md](CHECKS.md) lists them, with what to do and how to set their levels.\n")
	return w.String()
}

func (s Stage) String() string { return [...]string{"reported", "row", "lake", "set"}[s] }

// seen says who sees the column, and what lower levels see of it.
func (c Column) seen() string {
	switch c.Below {
	case Year:
		return c.Level.String() + "; below, the year as `" + YearName(c.Name) + "`"
	case Ninety:
		return c.Level.String() + "; below, 90 for 90 and more"
	}
	return c.Level.String()
}

func writeColumns(w *strings.Builder, cols []Column, stage bool) {
	head, line := "| column | type | level | from | meaning | source |\n", "|--|--|--|--|--|--|\n"
	if !stage {
		head, line = "| column | level | meaning | source |\n", "|--|--|--|--|\n"
	}
	w.WriteString(head + line)
	for _, c := range cols {
		if stage {
			row(w, "`"+c.Name+"`", c.Type.SQL(), c.seen(), c.Stage.String(), c.Meaning, c.Source)
		} else {
			row(w, "`"+c.Name+"`", c.Level.String(), c.Meaning, c.Source)
		}
	}
}

// row writes one line of a table.
func row(w *strings.Builder, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	w.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func writePlaces(w *strings.Builder) {
	w.WriteString("\n## Places\n\nWhat `county`, `lhj`, files and grants are addressed by. 61 local health jurisdictions: 58 counties and three cities.\n\n| code | label | population | ZIPs |\n|--|--|--|--|\n")
	for _, p := range Places() {
		people, zips := "", ""
		if c, ok := CountyByFIPS(string(p)); ok {
			people, zips = fmt.Sprint(c.Population), fmt.Sprint(len(ZIPs(c.FIPS)))
		}
		row(w, "`"+string(p)+"`", p.Label(), people, zips)
	}
}

func writeVaccines(w *strings.Builder) {
	w.WriteString("\n## Vaccines\n\nCOVID-19 vaccines by CVX (CDC, December 2025). Codes of other vaccines are known by name and are of class other. Seasonal codes serve several seasons: the NDC tells them apart, else the date of the dose (2024-25 from 2024-08-22, 2025-26 from 2025-08-27).\n\n| CVX | name | maker | class | in `county_day` | usual use | counts in the US |\n|--|--|--|--|--|--|--|\n")
	for _, v := range Vaccines() {
		if !v.COVID {
			continue
		}
		use, counts := "", "no"
		if v.From+v.To != "" {
			use = v.From + " to " + v.To
		}
		if v.CountsUS {
			counts = "yes"
		}
		row(w, fmt.Sprint(v.CVX), v.Name, v.Manufacturer, v.Class, Maker(v.CVX), strings.TrimSpace(use), counts)
	}
	w.WriteString("\n## Products\n\n| NDC | trade name | MVX | CVX | marketed | unit of |\n|--|--|--|--|--|--|\n")
	for _, p := range Products() {
		unit := "sale"
		if p.UnitOfUse {
			unit = "use"
		}
		row(w, p.NDC, p.TradeName, p.MVX, fmt.Sprint(p.CVX), strings.TrimSpace(p.From+" to "+p.To), unit)
	}
}

// writeCodes writes each value set once, with the columns that use it; sets
// of many codes are named only.
func writeCodes(w *strings.Builder) {
	w.WriteString("\n## Value sets\n\nCompared in upper case.\n")
	var order []*CodeSet
	users := map[*CodeSet][]string{}
	for _, c := range raw {
		if set, ok := Codes(c.Name); ok {
			if users[set] == nil {
				order = append(order, set)
			}
			users[set] = append(users[set], "`"+c.Name+"`")
		}
	}
	for _, set := range order {
		fmt.Fprintf(w, "\n**%s** (%s): %s\n\n", set.Title, strings.Join(users[set], ", "), set.Source)
		if len(set.codes) > 50 {
			fmt.Fprintf(w, "%d codes.\n", len(set.codes))
			continue
		}
		for i, c := range set.codes {
			if i > 0 {
				w.WriteString(" · ")
			}
			w.WriteString("`" + c.Code + "` " + c.Name)
		}
		w.WriteString("\n")
	}
}
