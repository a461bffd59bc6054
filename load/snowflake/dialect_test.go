package snowflake

import (
	"strings"
	"testing"
)

func TestTranslate(t *testing.T) {
	for _, c := range []struct{ duck, snow string }{
		{"select j.place // 4294967296 as seq from x;", "select bitshiftright(j.place, 32) as seq from x"},
		{"select count(*) filter (not a and (b or c)) as n, count(*) from x", "select count_if(not a and (b or c)) as n, count(*) from x"},
		{"select max(f(a, b)) filter (c), min(d) from x", "select max(case when c then f(a, b) end), min(d) from x"},
		{"select least(a, b), greatest(c, d)", "select least_ignore_nulls(a, b), greatest_ignore_nulls(c, d)"},
		{"select lag(a) over w, b from x\nwhere c\nwindow w as (partition by d order by e)", "select lag(a) over (partition by d order by e), b from x\nwhere c"},
		{"from read_parquet({files}, file_row_number = true, filename = true) e", "from {files} e"},
		{"select a, -- what a is\n b from x", "select a,\n b from x"},
		{"with c(a) as (\n  values {counties}\n) select 1", "with c(a) as (\n  select * from (values {counties})\n) select 1"},
		{"select coalesce(epoch_us(e.source_time), s.source_time)", "select coalesce(e.source_time, s.source_time)"},
	} {
		if got := translate(c.duck); got != c.snow {
			t.Errorf("%s\nbecomes %s\nwant    %s", c.duck, got, c.snow)
		}
	}
}

// TestSteps: no statement that is run in the transaction is DDL, which would
// commit it, and none has a word that is DuckDB's alone.
func TestSteps(t *testing.T) {
	all := append(models(), "02_aliases", "03_decisions", "06_reread", "08_closings", "19_effect", "25_forget_all", "90_check")
	for _, m := range all {
		found, err := steps(m)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, s := range flat(found) {
			if s.do == "" {
				continue
			}
			n++
			first, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s.do)), " ")
			if ok := map[string]bool{"insert": true, "delete": true, "update": true, "select": true, "select\n": true}; !ok[strings.TrimSpace(first)] && s.byName == "" {
				t.Errorf("%s: a transaction must not hold %s", m, first)
			}
			for _, word := range []string{" // ", "filter (", "arg_max", "read_parquet", "unnest", "asof ", "by name\nselect", "strip_accents", "date_diff(", " over w", "recursive arc", "recursive said"} {
				if strings.Contains(s.do, word) {
					t.Errorf("%s: %q is not Snowflake's: %.100s", m, word, s.do)
				}
			}
		}
		if n == 0 && m != "01_segments" && m != "09_nothing_yet" {
			t.Errorf("%s: nothing is done", m)
		}
	}
	if _, err := steps("no_model"); err == nil {
		t.Error("a model that is not there was read")
	}
}

// TestFold: as DuckDB folds streets (sql/models/21_home.sql).
func TestFold(t *testing.T) {
	for in, want := range map[string]string{"12 Peña St. #4": "12PENAST4", "ünïté": "UNITE", "": "", "東京": "", "Straße": "STRAE", "ﬁr": "R", "ı": "I", "ſ": "S", "Ǆ": "",
		"²5": "5", "ⅷ": "", "e\u0301x": "EX", "İ": "I", "ø": "", "Ł": "", "\u212a": "K"} {
		if got := fold(in); got != want {
			t.Errorf("%q folds to %q, want %q", in, got, want)
		}
	}
}
