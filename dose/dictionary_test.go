package dose_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

var update = flag.Bool("update", false, "write docs/DATA.md again")

func TestDataDictionary(t *testing.T) {
	const path = "../docs/DATA.md"
	want := dose.DataDictionary()
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
		t.Error("docs/DATA.md is not what the declarations say; run go test ./dose -run DataDictionary -update")
	}
	for _, c := range append(append(dose.Event(), dose.Raw()...), dose.Column{Name: "berkeley"}) {
		if !strings.Contains(want, "`"+c.Name+"`") {
			t.Errorf("%s is missing", c.Name)
		}
	}
	for _, c := range append(dose.Event(), dose.Raw()...) {
		if c.Meaning == "" || c.Source == "" {
			t.Errorf("%s has no meaning or no source", c.Name)
		}
	}
}
