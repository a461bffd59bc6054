package snowflake

import (
	"fmt"
	"regexp"
	"strings"

	sqltext "github.com/dosebook/dosebook/sql"
)

// The models are written once, in DuckDB's SQL. What Snowflake says in other
// words stands here; what it can't say at all has a text of its own in
// sql/dialect/snowflake, by model and table (ADR 0013).

// words are DuckDB's, and Snowflake's for the same.
var words = []struct {
	duck *regexp.Regexp
	snow string
}{
	{regexp.MustCompile(`(\w+(?:\.\w+)?) // 4294967296`), "bitshiftright($1, 32)"},
	{regexp.MustCompile(`\bdate_diff\(`), "datediff("},
	{regexp.MustCompile(`\blevenshtein\(`), "editdistance("},
	{regexp.MustCompile(`\bleast\(`), "least_ignore_nulls("}, // DuckDB's least leaves nulls out
	{regexp.MustCompile(`\bgreatest\(`), "greatest_ignore_nulls("},
	{regexp.MustCompile(`\barg_max\(`), "max_by("},
	{regexp.MustCompile(`\bbit_or\(`), "bitor_agg("},
	{regexp.MustCompile(`\bmake_date\(`), "date_from_parts("},
	{regexp.MustCompile(`\bmake_timestamp\(max\(source_time\)\)`), "to_timestamp_ntz(max(source_time), 6)"},
	{regexp.MustCompile(`\bepoch_us\((\w+\.source_time)\)`), "$1"}, // times are microseconds there (spool.go)
	{regexp.MustCompile(`/ 294\.0`), "/ cast(294 as double)"},      // a quotient of NUMBERs has six places
	{regexp.MustCompile(`\bcurrent\b`), "in_season"},               // a reserved word
	{regexp.MustCompile(`\bprior\b`), "was_there"},                 // CONNECT BY's operator
	{regexp.MustCompile(`\n *values ([^\n]+)\n\)`), "\n  select * from (values $1)\n)"},
	{regexp.MustCompile(`\bread_parquet\((\{\w+\})[^)]*\)`), "$1"}, // rows lie in tables
}

var (
	comment = regexp.MustCompile(`(?m)(?:^|\s+)-- .*$`)
	window  = regexp.MustCompile(`\s*\bwindow w as (\([^()]*\))`)
	filter  = ") filter ("
)

// translate says a statement of the models in Snowflake's words.
func translate(s string) string {
	s = comment.ReplaceAllString(s, "")
	for _, w := range words {
		s = w.duck.ReplaceAllString(s, w.snow)
	}
	if m := window.FindStringSubmatch(s); m != nil {
		s = strings.ReplaceAll(window.ReplaceAllString(s, ""), "over w", "over "+m[1])
	}
	for {
		at := strings.Index(s, filter)
		if at < 0 {
			return strings.TrimRight(strings.TrimSpace(s), ";")
		}
		s = conditional(s, at)
	}
}

// conditional turns the aggregate whose bracket closes at at, with its filter,
// into one over a case.
func conditional(s string, at int) string {
	open := at
	for depth := 1; depth > 0 && open > 0; {
		open--
		depth += nesting(s[open], -1)
	}
	from := at + len(filter)
	end := from
	for depth := 1; end < len(s); end++ {
		if depth += nesting(s[end], 1); depth == 0 {
			break
		}
	}
	of, when := s[open+1:at], s[from:min(end, len(s))]
	rest := s[min(end+1, len(s)):]
	if of == "*" {
		return strings.TrimSuffix(s[:open], "count") + "count_if(" + when + ")" + rest
	}
	return s[:open] + "(case when " + when + " then " + of + " end)" + rest
}

func nesting(c byte, sign int) int {
	switch c {
	case '(':
		return sign
	case ')':
		return -sign
	}
	return 0
}

// step is one statement of a model. A DDL statement would commit the
// transaction that is open: so a work table is made before it, empty (shape),
// and filled in it (do), by INSERT OVERWRITE, which is no DDL (Snowflake, SQL
// reference, INSERT: "can be processed within the scope of the current
// transaction").
type step struct {
	shape, do string
	table     string // the work table
	byName    string // do fills this table by the names of its columns
	loop      []step // instead: do these until the last says 0
}

var (
	workAs   = regexp.MustCompile(`(?is)^create or replace temp (?:table|view|\{live\}) (\w+) as\s+(.*)$`)
	workCols = regexp.MustCompile(`(?is)^create or replace temp table (\w+) (\(.*\))$`)
	drops    = regexp.MustCompile(`(?is)^drop `)
	byName   = regexp.MustCompile(`(?is)^insert into (\w+) by name\s+(.*)$`)
	target   = regexp.MustCompile(`(?is)^(?:create or replace temp \S+|insert into|delete from|update) (\w+)`)
)

// steps reads a model, such as "10_version".
func steps(model string) ([]step, error) {
	statements, err := sqltext.Statements("models/" + model + ".sql")
	if err != nil {
		return nil, err
	}
	var out []step
	own := map[string]bool{}
	for _, s := range statements {
		name := "dialect/snowflake/" + model
		if m := target.FindStringSubmatch(s); m != nil {
			name += "." + strings.ToLower(m[1])
		}
		replaced, err := ownSteps(name, own)
		if err != nil {
			return nil, err
		}
		if replaced == nil {
			replaced = []step{newStep(translate(s))}
		}
		out = append(out, replaced...)
	}
	return out, nil
}

// ownSteps reads the text that stands for all of a model's statements of one
// table, at the place of the first, and the loop that follows it. Nil: there
// is none.
func ownSteps(name string, had map[string]bool) ([]step, error) {
	if had[name] {
		return []step{}, nil
	}
	if !sqltext.Has(name + ".sql") {
		return nil, nil
	}
	had[name] = true
	out := []step{}
	for i, file := range []string{name + ".sql", name + ".step.sql"} {
		if i > 0 && !sqltext.Has(file) {
			break
		}
		statements, err := sqltext.Statements(file)
		if err != nil {
			return nil, err
		}
		var all []step
		for _, s := range statements {
			all = append(all, newStep(translate(s)))
		}
		if i > 0 {
			all = []step{{loop: all}}
		}
		out = append(out, all...)
	}
	return out, nil
}

func newStep(s string) step {
	if drops.MatchString(s) {
		return step{}
	}
	if m := workAs.FindStringSubmatch(s); m != nil {
		return step{table: m[1], shape: fmt.Sprintf("create or replace temporary table %s as select * from (%s) limit 0", m[1], m[2]), do: fmt.Sprintf("insert overwrite into %s %s", m[1], m[2])}
	}
	if m := workCols.FindStringSubmatch(s); m != nil {
		return step{table: m[1], shape: fmt.Sprintf("create or replace temporary table %s %s", m[1], m[2])}
	}
	if m := byName.FindStringSubmatch(s); m != nil {
		return step{byName: m[1], do: m[2]}
	}
	return step{do: s}
}
