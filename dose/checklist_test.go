package dose_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

func TestChecklist(t *testing.T) {
	const path = "../docs/CHECKS.md"
	want := dose.Checklist()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/CHECKS.md is not what the declarations say; run go test ./dose -run Checklist -update")
	}
}

// A check says everything about itself, and its name is no other's.
func TestChecksAreDeclared(t *testing.T) {
	names := map[string]dose.Check{}
	for _, c := range dose.Checks() {
		r := c.Rule()
		for what, s := range map[string]string{"name": r.Name, "code": r.Code, "words": r.Says, "remedy": r.Remedy, "source": r.Source, "good case": r.Good, "bad case": r.Bad} {
			if s == "" {
				t.Errorf("check %d (%s %s) has no %s", c, r.Code, r.Name, what)
			}
		}
		if was, ok := names[r.Name]; ok {
			t.Errorf("checks %d and %d are both named %s", was, c, r.Name)
		}
		if r.Name != strings.ToLower(r.Name) || r.Code != strings.ToUpper(r.Code) {
			t.Errorf("%s, %s: names are in lower case, codes in upper case", r.Name, r.Code)
		}
		if r.Rejects && r.Severity != dose.Error {
			t.Errorf("%s rejects and is no error", r.Name)
		}
		names[r.Name] = c
	}
}

func number(n int) *int { return &n }

func TestLevels(t *testing.T) {
	l, err := dose.NewLevels(map[string]dose.Setting{"LOT_SHORT": {Level: "off", Limit: number(3)}, "CVX_AGE": {Reject: true}, "DATA005": {Level: "info"},
		"zip-bad": {Level: "error"}, "DAY_CLUSTER": {Reject: true}})
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[dose.Check]dose.Severity{dose.LotShort: dose.Off, dose.CVXOutsideAges: dose.Warning, dose.IDBlank: dose.Info, dose.ZIPBad: dose.Error,
		dose.DayCluster: dose.Error, dose.CDCFormat: dose.Error, dose.LotTwo: dose.Warning} {
		if got := l.Of(c); got != want {
			t.Errorf("%s is %s, want %s", c.Rule().Name, got, want)
		}
	}
	if l.Limit(dose.LotShort) != 3 || l.Limit(dose.EnteredLate) != 30 || !l.Rejects(dose.CVXOutsideAges) || l.Rejects(dose.ZIPBad) {
		t.Error("limits or rejects")
	}
	got := l.Apply([]dose.Issue{{Check: dose.LotShort}, {Check: dose.ZIPBad}, {Check: dose.LotTwo}})
	if len(got) != 2 || got[0].Severity() != dose.Error || got[1].Severity() != dose.Warning {
		t.Errorf("issues %v", got)
	}
	none, err := dose.NewLevels(nil)
	if err != nil || none.Of(dose.DayCluster) != dose.Off || none.Limit(dose.LotShort) != 4 || len(none.Apply([]dose.Issue{{Check: dose.DayCluster}, {Check: dose.LotTwo}})) != 1 {
		t.Error("without settings the rules' own levels hold")
	}
}

func TestLevelsRefuse(t *testing.T) {
	for key, s := range map[string]dose.Setting{"NO_SUCH": {Level: "off"}, "LOT_TWO": {Level: "loud"}, "LOT_SHORT": {Limit: number(0)}, "LOT_WORDS": {Limit: number(5)},
		"admin-date-bad": {Level: "off"}, "HL7_LINE": {Reject: true}, "hl7-line": {}, "QUOTES": {Reject: true}, "segment-bad": {Reject: true}, "BUSR006": {Level: "info"}, "REVIVED": {Level: "off"}} {
		if _, err := dose.NewLevels(map[string]dose.Setting{key: s}); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s %+v: %v", key, s, err)
		}
	}
}
