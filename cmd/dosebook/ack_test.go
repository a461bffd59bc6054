package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

var updateAck = flag.Bool("update-ack", false, "write the acknowledgements that came out to the cases' want.ack")

// TestAckCases answers testdata/cases/hl7-*/input.hl7 and compares with
// want.ack, one segment a line.
func TestAckCases(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/cases/hl7-*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no cases found", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got, err := answerTo(t, filepath.Join(dir, "input.hl7"))
			if unreadable := filepath.Base(dir) == "hl7-no-hl7"; unreadable != (dose.ExitCode(err) == 2) {
				t.Errorf("exit %d", dose.ExitCode(err))
			}
			got = strings.ReplaceAll(got, "\r", "\n")
			file := filepath.Join(dir, "want.ack")
			if *updateAck {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s", got)
			}
			for _, private := range []string{"Lee", "Ann", "19800305", "1980-03-05", "Main St", "ann@", "5550100", "Oakland"} {
				if strings.Contains(got, private) {
					t.Errorf("the answer holds %q", private)
				}
			}
		})
	}
}

func answerTo(t *testing.T, path string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	e := &env{now: func() time.Time { return time.Date(2021, 3, 6, 9, 0, 0, 0, time.FixedZone("", -8*3600)) }}
	err := e.ack(t.Context(), path, &out)
	return out.String(), err
}

func TestAckTo(t *testing.T) {
	e := &env{now: time.Now}
	out := filepath.Join(t.TempDir(), "ack.hl7")
	if err := e.ackTo(t.Context(), "../../testdata/cases/hl7-good/input.hl7", out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil || !strings.HasPrefix(string(text), `BHS|^~\&|`) || !strings.Contains(string(text), "\rMSA|AA|M1\r") {
		t.Errorf("%q %v", text, err)
	}
	if err := e.ackTo(t.Context(), "no such file", out); dose.ExitCode(err) != 2 {
		t.Error(err)
	}
}
