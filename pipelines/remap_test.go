package pipelines_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/cvrs"
	"github.com/dosebook/dosebook/pipelines"
)

// rows puts a CVRS file into the inbox: a row for each map, over cells that
// are the same in all.
func (l *line) rows(t *testing.T, name string, rows ...map[string]string) string {
	t.Helper()
	var b strings.Builder
	cols := dose.Raw()[:dose.CVRSColumns]
	put := func(cell func(c dose.Column) string) {
		for i, c := range cols {
			b.WriteString(cell(c) + map[bool]string{true: "\n", false: "\t"}[i == len(cols)-1])
		}
	}
	put(func(c dose.Column) string { return c.Name })
	for i, r := range rows {
		cells := map[string]string{"vax_event_id": fmt.Sprint("e", i), "ext_type": "I", "recip_id": fmt.Sprint("r", i), "recip_dob": "1980-03-05", "recip_sex": "F",
			"recip_first_name": "Perpetua", "recip_last_name": "Quillfeather", "recip_address_county": "06001", "recip_address_state": "CA", "recip_address_zip": "94601",
			"recip_race_1": "2106-3", "recip_ethnicity": "2186-5", "admin_date": "2024-10-01", "cvx": "309", "ndc": "00069-2432-01", "lot_number": "L1"}
		for k, v := range r {
			cells[k] = v
		}
		put(func(c dose.Column) string { return cells[c.Name] })
	}
	return l.bytes(t, name, b.String())
}

// newer are tables in which CVX 340 and its NDC are known.
func newer(t *testing.T) *dose.CodeTables {
	t.Helper()
	var cvx, use strings.Builder
	for _, v := range dose.Vaccines() {
		if v.Status != "" {
			fmt.Fprintf(&cvx, "%d|%s|full||%s|1|False|%s\n", v.CVX, v.Short, v.Status, v.Updated)
		}
	}
	cvx.WriteString("340|COVID-19, mRNA, new|full|Pfizer Fall Seasonal|Active|2|False|2026/09/01\n")
	for i, p := range dose.Products() {
		if p.UnitOfUse {
			fmt.Fprintf(&use, "%d|a|b|c|%s|d|l|%s|%s|v||%d|l|False|%s|2025-01-01|\n", i, p.TradeName, strings.ReplaceAll(p.From, "-", ""), strings.ReplaceAll(p.To, "-", ""), p.CVX, p.NDC)
		}
	}
	use.WriteString("9999|a|b|c|NEWVAX|d|Pfizer|20240822||VIAL||340|l|False|00069-9999-01|2026-09-04|\n")
	next, err := dose.Builtin().Update(map[string][]byte{"cvx": []byte(cvx.String()), "tradename": []byte("NEWVAX|COVID-19|340|Pfizer, Inc|PFR|Active|Active|9/1/2026\n"),
		"ndc_unit_use": []byte(use.String()), "ndc_unit_sale": []byte("1|a|b|c|OLD|d|l|20210101||C|IM|2021-01-01|208|l|59267-1000-02|\n"), "ndc_linker": []byte("1|1|9999|PFR\n")})
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func newRemapLine(t *testing.T) *line {
	t.Helper()
	l := newLine(t)
	l.Warehouses = nil // the lake is all it needs
	return l
}

func (l *line) remap(t *testing.T, q pipelines.RemapRequest) *pipelines.Remap {
	t.Helper()
	q.Sample = 3
	out, err := l.Remap(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// short shows a report: rows changed, appeared, gone; columns; issues and
// rejects of the given checks, others being other tests' business.
func short(r *pipelines.Remap, checks ...dose.Check) string {
	s := fmt.Sprint(r.Rows, " ", r.Changed, " ", r.Appeared, " ", r.Gone)
	for _, c := range r.Columns {
		s += fmt.Sprint(" ", c.Column, "=", c.Rows)
	}
	for _, c := range checks {
		for i, list := range [][]pipelines.FindingMove{r.Issues, r.Rejects} {
			for _, m := range list {
				if m.Code == c.Rule().Code {
					s += fmt.Sprint([]string{" issue", " reject"}[i], "+", m.New, "-", m.Vanished)
				}
			}
		}
	}
	return s
}

func mixed() []map[string]string {
	rows := make([]map[string]string, 40)
	rows[3] = map[string]string{"cvx": "340", "ndc": ""}
	rows[17] = map[string]string{"cvx": "", "ndc": "00069-9999-01"} // refused while nobody knows the NDC
	rows[18] = map[string]string{"cvx": "340", "ndc": "00069-9999-01"}
	rows[25] = map[string]string{"admin_date": "2024-10"}
	rows[38] = map[string]string{"admin_date": "never"}
	return rows
}

func TestRemapOfTheSameRulesChangesNothing(t *testing.T) {
	l := newRemapLine(t)
	l.Decoder = func(string) (extract.Decoder, error) { return &cvrs.Decoder{BlockSize: 200}, nil }
	l.load(t, request("A", l.rows(t, "a.txt", mixed()...)), request("D", l.file(t, "d.txt", "e1 L")))
	l.Decoder = func(string) (extract.Decoder, error) { return &cvrs.Decoder{}, nil }
	if got := l.remap(t, pipelines.RemapRequest{}); short(got) != "39 0 0 0" || len(got.Issues)+len(got.Rejects)+len(got.Where) > 0 {
		t.Errorf("got %+v", got)
	}
	if _, err := l.Remap(t.Context(), pipelines.RemapRequest{Registry: "SDIR"}); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("a registry without segments: %v", err)
	}
}

func TestRemapSaysWhatNewerCodesChange(t *testing.T) {
	l := newRemapLine(t)
	rep := l.load(t, request("A", l.rows(t, "a.txt", mixed()...)))
	l.Codes = newer(t)
	want := "38 2 1 0 manufacturer=2 vaccine_name=2 vaccine_type=2 issue+0-2 issue+1-0 reject+0-1"
	for _, size := range []int{300, 700, 100_000} {
		l.Decoder = func(string) (extract.Decoder, error) { return &cvrs.Decoder{BlockSize: size}, nil }
		got := l.remap(t, pipelines.RemapRequest{})
		if s := short(got, dose.CodeUnknown, dose.CVXFromNDC, dose.VaccineMissing); s != want {
			t.Errorf("blocks of %d: %s\nwant %s", size, s, want)
		}
		x := got.Columns[2].Examples
		if len(x) != 1 || x[0] != (pipelines.Example{At: rep.Payloads[0].Segment + ":5", From: "other", To: "2024-25", Rows: 2}) {
			t.Errorf("examples %+v", x)
		}
		if len(got.Where) != 1 || got.Where[0].Changed != 2 || got.Where[0].Name != "a.txt" {
			t.Errorf("where %+v", got.Where)
		}
	}
	known, err := l.Ledger.List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pipelines.RecodeStored(t.Context(), l.Lake, known, dose.Builtin(), l.Codes)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]int64{}
	for _, x := range c.By {
		by[x.Column+" "+x.From+" → "+x.To] += x.Rows
	}
	if c.Rows != 38 || c.Changed != 2 || by["vaccine_type other → 2024-25"] != 2 || by["vaccine_name  → COVID-19, mRNA, new"] != 2 || by["ndc unknown → known"] != 1 {
		t.Errorf("%+v", c)
	}
}

func TestRemapSaysWhatWouldBeRefused(t *testing.T) {
	l := newRemapLine(t)
	l.load(t, request("A", l.rows(t, "a.txt", mixed()...)))
	got := l.remap(t, pipelines.RemapRequest{Precision: "day"})
	if s := short(got, dose.DatePartial, dose.AdminDateCoarse); s != "38 0 0 1 issue+0-1 reject+1-0" {
		t.Errorf("got %s", s)
	}
}

// The kept payload is made to hold another person's name, which no rule would
// do: what a report shows of that is where, and not what.
func TestRemapShowsNobody(t *testing.T) {
	l := newRemapLine(t)
	rep := l.load(t, request("A", l.rows(t, "a.txt", mixed()...)))
	path := l.Raw.Path(rep.Payloads[0].SHA256)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(strings.Replace(string(text), "Perpetua", "Zephyrine", 1), "\tL1\t", "\tL2\t", 1)
	if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	got := l.remap(t, pipelines.RemapRequest{})
	if got.Changed != 1 || !strings.Contains(short(got), "recip_first_name=1") || !strings.Contains(short(got), "name_key=1") || !strings.Contains(short(got), "lot_number=1") {
		t.Errorf("got %s", short(got))
	}
	shown, _ := json.Marshal(got)
	for _, secret := range []string{"Perpetua", "Zephyrine", "PERPETUA", "ZEPHYRINE"} {
		if strings.Contains(string(shown), secret) {
			t.Errorf("the report tells %s", secret)
		}
	}
	for _, c := range got.Columns {
		if (c.Column == "recip_first_name" || c.Column == "name_key") && !c.Examples[0].Hidden {
			t.Errorf("%s is shown", c.Column)
		}
	}
}

// What Meaning says is what transform derived, for every code.
func TestMeaningIsWhatTransformDerives(t *testing.T) {
	l := newRemapLine(t)
	var rows []map[string]string
	for _, day := range []string{"2021-01-05", "2023-10-01", "2024-10-01", "2025-09-30"} {
		for _, v := range dose.Vaccines() {
			rows = append(rows, map[string]string{"cvx": fmt.Sprint(v.CVX), "ndc": "", "mvx": "NVX", "admin_date": day})
		}
		for _, p := range dose.Products() {
			rows = append(rows, map[string]string{"cvx": fmt.Sprint(p.CVX), "ndc": strings.ReplaceAll(p.NDC, "-", ""), "admin_date": day},
				map[string]string{"cvx": "313", "ndc": p.NDC, "mvx": "pfr", "admin_date": day}, map[string]string{"cvx": "7777", "ndc": p.NDC, "mvx": "zzz", "admin_date": day})
		}
	}
	l.Decoder = func(string) (extract.Decoder, error) { return &cvrs.Decoder{}, nil }
	rep := l.load(t, request("A", l.rows(t, "a.txt", rows...)))
	known, err := l.Ledger.List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pipelines.RecodeStored(t.Context(), l.Lake, known, dose.Builtin(), dose.Builtin())
	if err != nil || c.Changed != 0 || c.Rows != rep.Payloads[0].Events || c.Rows < 2000 {
		t.Errorf("%d of %d rows differ: %+v, %v", c.Changed, c.Rows, c.By, err)
	}
}
