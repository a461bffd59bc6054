package serve

import (
	"cmp"
	"context"
	"os"
	process "os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

var cases = regexp.MustCompile(`(\d+) generated, (\d+) passed`)

// schemathesis asks every operation of the document with what fits it and what
// does not: no 5xx, and no answer that the document does not say. Once as a
// steward, once as nobody. The pages for people are asked too: this world's
// files are true Parquet.
func TestSchemathesis(t *testing.T) {
	st, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("DOSEBOOK_PYTHON_VENV"), "../.tools/python"), "bin", "st"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(st); err != nil {
		required(t, "schemathesis", "python3 -m venv .tools/python && .tools/python/bin/pip install -r testdata/python/requirements.txt")
	}
	phases, examples := map[string]string{"steward": "examples,coverage,fuzzing", "nobody": "fuzzing"}, "1"
	if os.Getenv("DOSEBOOK_TEST_LONG") == "1" {
		phases["nobody"], examples = phases["steward"], "100"
	}
	w := newWorld(t)
	w.plantPages()
	w.cfg.Convert = release.Convert
	w.cfg.Limits = Limits{PerSecond: 1e6, Burst: 1e6}
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, l, New(w.cfg)) }()
	defer func() { stop(); <-ended }()
	url := "http://" + l.Addr().String()
	for who, token := range map[string]string{"steward": w.user("steward", access.Steward, dose.Identified), "nobody": "dbk_none"} {
		t.Run(who, func(t *testing.T) {
			c := process.CommandContext(t.Context(), st, "run", url+"/api/v1/openapi.json", "-u", url, "-H", "Authorization: Bearer "+token,
				"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method,allow_header_conformance",
				"--phases", phases[who], "-n", examples, "--seed", "8", "--continue-on-failure", "--max-redirects", "0", "--suppress-health-check", "all", "--no-shrink")
			c.Dir = t.TempDir()
			out, err := c.CombinedOutput()
			n := cases.FindStringSubmatch(string(out))
			if err != nil || n == nil || n[1] != n[2] || len(n[1]) < 2 {
				t.Errorf("%v\n%s", err, out)
			} else {
				t.Log(n[0])
			}
		})
	}
}
