package serve

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// The converter that is wired in, on a true Parquet file.
func TestTrueConverter(t *testing.T) {
	w := newWorld(t)
	w.convert = release.Convert
	type row struct {
		ID  string `parquet:"vax_event_id,optional"`
		CVX *int32 `parquet:"cvx,optional"`
	}
	cvx := int32(208)
	name := "counties/06019/dose.parquet"
	path := filepath.Join(w.dir, "releases", id, name)
	if err := parquet.WriteFile(path, []row{{"e,1", &cvx}, {"e2", nil}}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	text, _ := json.Marshal(release.Manifest{ID: id, Place: "06019", Status: release.Ready,
		Files: []release.File{{Path: name, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), Rows: 2}}})
	w.write("releases/"+id+"/counties/06019/manifest.json", text)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	csv := "vax_event_id,cvx\n\"e,1\",208\ne2,\n"
	if rec := w.get(file("06019", "dose.csv"), token); rec.Code != 200 || rec.Body.String() != csv {
		t.Errorf("%d %q", rec.Code, rec.Body)
	}
	rec := w.get(file("06019", "dose.csv.gz"), token)
	z, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(rec.Code, err)
	}
	if plain, err := io.ReadAll(z); err != nil || string(plain) != csv {
		t.Errorf("%q %v", plain, err)
	}
	if rec := w.get(file("06019", "dose.ndjson"), token); rec.Body.String() != "{\"vax_event_id\":\"e,1\",\"cvx\":208}\n{\"vax_event_id\":\"e2\"}\n" {
		t.Errorf("%d %q", rec.Code, rec.Body)
	}
}
