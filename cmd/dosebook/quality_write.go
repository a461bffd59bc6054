package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// measure is one figure of a scorecard: a part of a whole, in percent.
type measure struct {
	Group, Name string
	part, whole string // columns of quality_day
}

// measures in the order of docs/QUALITY.md (AIRA: complete, valid, timely,
// unique, consistent, accurate).
var measures = []measure{
	{"complete", "birth date", "with_dob", "events"}, {"complete", "sex", "with_sex", "events"}, {"complete", "race", "with_race", "events"},
	{"complete", "ethnicity", "with_ethnicity", "events"}, {"complete", "street", "with_street", "events"}, {"complete", "ZIP", "with_zip", "events"},
	{"complete", "county", "with_county", "events"}, {"complete", "phone", "with_phone", "events"}, {"complete", "e-mail", "with_email", "events"},
	{"complete", "lot", "with_lot", "events"}, {"complete", "NDC", "with_ndc", "events"}, {"complete", "manufacturer", "with_mvx", "events"},
	{"complete", "body site", "with_site", "events"}, {"complete", "route", "with_route", "events"}, {"complete", "provider PIN", "with_pin", "events"},
	{"complete", "site's address", "with_admin_address", "events"},
	{"invalid", "records refused", "rejects", "records"}, {"invalid", "NDC is none", "ndc_invalid", "with_ndc"},
	{"invalid", "county not usable", "county_derived", "events"}, {"invalid", "no county at all", "county_unknown", "events"},
	{"timely", "within 1 day", "within_1", "timed"}, {"timely", "within 3 days", "within_3", "timed"}, {"timely", "within 7 days", "within_7", "timed"},
	{"timely", "within 14 days", "within_14", "timed"}, {"timely", "within 30 days", "within_30", "timed"},
	{"repeated", "same dose under another id", "duplicates", "events"},
	{"consistent", "Latino", "latino", "events"}, {"consistent", "Other Race", "other_race", "events"}, {"consistent", "race unknown", "race_unknown", "events"},
	{"consistent", "on the 13th or later", "after_12", "dated"}, {"consistent", "on the first", "on_first", "dated"}, {"consistent", "historical", "historical", "events"},
	{"inaccurate", "vaccine not in use that day", "out_of_use", "events"}, {"inaccurate", "dose before birth", "before_birth", "events"},
	{"inaccurate", "dose after its report", "in_future", "timed"},
}

// of is the percentage, or a dash where there is nothing to count.
func (m measure) of(c scorecard) string {
	whole := c.Counts[m.whole]
	if m.whole == "records" {
		whole = c.Counts["events"] + c.Counts["deletes"] + c.Counts["rejects"]
	}
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", 100*float64(c.Counts[m.part])/float64(whole))
}

// lagBins are the days of the columns within_N.
var lagBins = []int{0, 1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30}

// lag is the least number of days within which so many percent were reported:
// exact up to 7, then the next of lagBins.
func (c scorecard) lag(percent int64) string {
	if c.Counts["timed"] == 0 {
		return "–"
	}
	for _, n := range lagBins {
		if 100*c.Counts["within_"+strconv.Itoa(n)] >= percent*c.Counts["timed"] {
			return strconv.Itoa(n)
		}
	}
	return ">30"
}

func (e *env) qualityText(q *quality) error {
	e.say("release %s: %s", q.Release, count(len(q.Findings), "finding"))
	for _, f := range q.Findings {
		e.say("%-5s %s  %s\n      → %s", f.Severity, f.Code, plain(f.Says), f.Remedy)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nREGISTRY\tSENDER\tDAY\tEVENTS\tREFUSED\tDELETES\tRACE\tLOT\tNDC\tCOUNTY\tPHONE\tP50\tP90\t≤ 1 D\t≤ 3\t≤ 7\t≤ 14\tTWICE")
	for _, c := range q.Cards {
		pick := func(part string) string {
			return measures[slices.IndexFunc(measures, func(m measure) bool { return m.part == part })].of(c)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Registry, plain(c.Sender), c.Day, c.Counts["events"], c.Counts["rejects"],
			c.Counts["deletes"], pick("with_race"), pick("with_lot"), pick("with_ndc"), pick("with_county"), pick("with_phone"), c.lag(50), c.lag(90),
			pick("within_1"), pick("within_3"), pick("within_7"), pick("within_14"), pick("duplicates"))
	}
	return w.Flush()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (e *env) qualityCSV(q *quality) error { return cardsCSV(e.out, q, true) }

// cardsCSV writes scorecards as RFC 4180, all counts of them.
func cardsCSV(out io.Writer, q *quality, head bool) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if head {
		_ = w.Write(append([]string{"registry", "sender", "day", "p50_days", "p90_days"}, q.columns...)) // errors come back below
	}
	for _, c := range q.Cards {
		row := []string{c.Registry, harmless(c.Sender), c.Day, c.lag(50), c.lag(90)}
		for _, name := range q.columns {
			row = append(row, strconv.FormatInt(c.Counts[name], 10))
		}
		_ = w.Write(row)
	}
	w.Flush()
	return w.Error()
}

// harmless keeps a spreadsheet from taking an id for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// cardCSV is a sender's file: its sum, then its days.
func cardCSV(parts []*quality) ([]byte, error) {
	var b bytes.Buffer
	err := errors.Join(cardsCSV(&b, parts[0], true), cardsCSV(&b, parts[1], false))
	return b.Bytes(), err
}

// cardHTML is a sender's page. It stands alone: no script, nothing to fetch.
func cardHTML(parts []*quality) ([]byte, error) {
	t, err := template.New("card").Parse(cardPage)
	if err != nil {
		return nil, err
	}
	type line struct{ Group, Name, Own, All string }
	type day struct {
		Day, P50, P90, Within3     string
		Events, Refused, Duplicate int64
	}
	own, all := parts[0].Cards[0], scorecard{}
	for _, c := range parts[2].Cards {
		all = c
	}
	page := struct {
		Release, P50, P90, AllP50, AllP90 string
		Card                              scorecard
		Events, Refused                   int64
		Findings                          []qualityFinding
		Lines                             []line
		Days                              []day
	}{parts[0].Release, own.lag(50), own.lag(90), all.lag(50), all.lag(90), own, own.Counts["events"], own.Counts["rejects"], parts[0].Findings, nil, nil}
	for _, m := range measures {
		page.Lines = append(page.Lines, line{m.Group, m.Name, m.of(own), m.of(all)})
	}
	for _, c := range parts[1].Cards {
		page.Days = append(page.Days, day{c.Day, c.lag(50), c.lag(90), measure{part: "within_3", whole: "timed"}.of(c), c.Counts["events"], c.Counts["rejects"], c.Counts["duplicates"]})
	}
	var b bytes.Buffer
	err = t.Execute(&b, page)
	return b.Bytes(), err
}

const cardPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Scorecard of {{.Card.Sender}}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;margin:1rem 0}
th,td{text-align:right;padding:.2rem .8rem;border-bottom:1px solid #ddd}th:first-child,td:first-child,td:nth-child(2){text-align:left}.f{border-left:4px solid #b00;padding:.2rem 1rem;margin:1rem 0}</style>
<h1>Scorecard of {{.Card.Sender}}</h1>
<p>As a sender of {{.Card.Registry}}; release {{.Release}}. {{.Events}} events that hold now, {{.Refused}} records refused.</p>
{{range .Findings}}<div class="f"><strong>{{.Code}}</strong> {{.Says}}<br>To do: {{.Remedy}}</div>
{{else}}<p>Nothing was found that only many records together show.</p>
{{end}}<table><caption>Percent</caption><tr><th>measure</th><th></th><th>yours</th><th>all of {{.Card.Registry}}</th></tr>
<tr><td>timely</td><td>median days to the report</td><td>{{.P50}}</td><td>{{.AllP50}}</td></tr>
<tr><td>timely</td><td>days to nine in ten reports</td><td>{{.P90}}</td><td>{{.AllP90}}</td></tr>
{{range .Lines}}<tr><td>{{.Group}}</td><td>{{.Name}}</td><td>{{.Own}}</td><td>{{.All}}</td></tr>
{{end}}</table>
<table><caption>By day of report</caption><tr><th>day</th><th>events</th><th>refused</th><th>p50 days</th><th>p90 days</th><th>≤ 3 days %</th><th>twice</th></tr>
{{range .Days}}<tr><td>{{.Day}}</td><td>{{.Events}}</td><td>{{.Refused}}</td><td>{{.P50}}</td><td>{{.P90}}</td><td>{{.Within3}}</td><td>{{.Duplicate}}</td></tr>
{{end}}</table></html>
`
