package dose

import (
	"fmt"
	"strconv"
	"strings"
)

// Checklist returns docs/CHECKS.md: the catalogue of checks in Markdown. A test
// keeps the file equal to it.
func Checklist() string {
	var w strings.Builder
	w.WriteString(`# Checks

Made from the declarations in package ` + "`dose`" + `; don't edit: ` + "`go test ./dose -run Checklist -update`" + ` writes it again.

Each check is declared once. A *reject* keeps the row out, with its line and the remedy (` + "`dosebook rejects`" + `); every other finding is an issue on a row that loads. *Good* and *bad* are a row without fault with these cells changed, or the case that shows the check; a test runs them all. Codes are CDC's where it has one, and several checks may share one; names are each check's own.

Levels can be set for a registry, or for all with ` + "`\"*\"`" + `, by code or by name:

` + "```yaml" + `
checks:
  "*":
    DAY_CLUSTER: {level: info}             # off unless turned on
  CAIR2:
    LOT_SHORT: {level: "off"}
    cvx-outside-ages: {level: error, reject: true}
    ENTRY_LATE: {limit: 14}                # those with a limit only
` + "```" + `

` + "`reject: true`" + ` keeps rows out that the check finds, each as a reject with the check's code; only checks made on each row can do it, and deletes are never kept out by them. What rejects by itself can't be set: such rows can't be used. Nor can what is found on versions of an event, or by dosebook validate. Findings are kept with the level that was in force. A check that fails on a row rejects that row with RULE_CRASHED and the check's name, and the others go on.

Not here: what takes more than one row (clusters, rates, repeats).
`)
	for _, part := range [...]struct {
		step        Step
		title, text string
	}{
		{ByRow, "Made on each row", "On the way from raw to event, from the row alone."},
		{ByDecoder, "Made by decoders", "On what a format's records look like."},
		{ByWarehouse, "Made on versions of an event", "When a segment is applied to the warehouse."},
		{ByValidate, "Made by dosebook validate", "CDC's own rules, on files that are not loaded."},
	} {
		fmt.Fprintf(&w, "\n## %s\n\n%s\n\n| code, name | level | columns | says | what to do | good | bad | source |\n|--|--|--|--|--|--|--|--|\n", part.title, part.text)
		for _, c := range Checks() {
			if c.Step() == part.step {
				writeCheck(&w, c.Rule())
			}
		}
	}
	return w.String()
}

func writeCheck(w *strings.Builder, r Rule) {
	level := r.Severity.String()
	if r.Rejects {
		level += ", reject"
	}
	if r.Limit > 0 {
		level += ", limit " + strconv.Itoa(r.Limit)
	}
	row(w, "`"+r.Code+"` "+r.Name, level, r.Fields, r.Says, r.Remedy, example(r.Good), example(r.Bad), r.Source)
}

// example shows cells as code, with what is not plain text escaped.
func example(s string) string {
	if s[0] == '@' {
		return s[1:]
	}
	cells := strings.Split(s, ";")
	for i, c := range cells {
		q := strconv.QuoteToASCII(c)
		cells[i] = "`" + strings.ReplaceAll(q[1:len(q)-1], "%300", "(300 characters)") + "`"
	}
	return strings.Join(cells, " ")
}
