package fhir

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/dosebook/dosebook/extract"
)

// generate makes an export of n Immunizations of about 900 bytes, Patients
// of about 1,100 bytes each, and 400 places, Immunizations
// first, as bulk servers often send them by the alphabet.
func generate(w io.Writer, n, patients int) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	id := func(kind string, i int) string {
		return fmt.Sprintf("%s%08x-3cd2-6e94-b864-195ec80a82d3", kind, i*2654435761&0xffffffff)
	}
	for i := range n {
		fmt.Fprintf(w, `{"resourceType":"Immunization","id":"%s","meta":{"versionId":"1","lastUpdated":"2021-03-%02dT10:15:30.123-08:00","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-immunization"]},"identifier":[{"use":"official","system":"https://registry.example.org/event","value":"E%09d"}],"status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"208","display":"COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"},{"system":"http://hl7.org/fhir/sid/ndc","code":"59267-1000-0%d"}],"text":"COVID-19 vaccine"},"patient":{"reference":"Patient/%s"},"occurrenceDateTime":"2021-%02d-%02d","recorded":"2021-03-04T11:00:00-08:00","primarySource":true,"location":{"reference":"Location/l%d"},"manufacturer":{"reference":"Organization/m%d"},"lotNumber":"EN%d","expirationDate":"2021-07-31","site":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActSite","code":"%s"}]},"route":{"coding":[{"system":"http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl","code":"C28161"}]},"performer":[{"actor":{"reference":"Organization/o%d"}}],"protocolApplied":[{"doseNumberPositiveInt":%d}]}`+"\n",
			id("i", i), 1+rnd.IntN(28), i, 1+rnd.IntN(2), id("p", rnd.IntN(patients)), 1+rnd.IntN(12), 1+rnd.IntN(28), rnd.IntN(200), rnd.IntN(4), 1000+rnd.IntN(900), pick("LA", "RA", "LD"), rnd.IntN(100), 1+rnd.IntN(3))
	}
	for i := range 200 {
		fmt.Fprintf(w, `{"resourceType":"Location","id":"l%d","identifier":[{"system":"urn:vtrcks:pin","value":"%06d"}],"name":"Clinic %d","address":{"line":["%d Main St"],"city":"Fresno","district":"06019","state":"CA","postalCode":"93701"}}`+"\n", i, i, i, i)
		fmt.Fprintf(w, `{"resourceType":"Organization","id":"o%d","name":"Health System %d"}`+"\n", i, i)
	}
	for i, m := range []string{"PFR", "MOD", "JSN", "NVX"} {
		fmt.Fprintf(w, `{"resourceType":"Organization","id":"m%d","identifier":[{"system":"http://hl7.org/fhir/sid/mvx","value":"%s"}],"name":"%s"}`+"\n", i, m, m)
	}
	for i := range patients {
		fmt.Fprintf(w, `{"resourceType":"Patient","id":"%s","meta":{"lastUpdated":"2021-03-%02dT10:15:30Z"},"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"%s"}},{"url":"text","valueString":"as reported"}]},{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"%s"}},{"url":"text","valueString":"as reported"}]}],"identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"https://registry.example.org/person","value":"R%09d"}],"name":[{"use":"official","family":"%s","given":["%s","%s"]}],"telecom":[{"system":"phone","value":"510-555-%04d"}],"gender":"%s","birthDate":"%d-%02d-%02d","address":[{"use":"home","line":["%d %s St"],"city":"Oakland","district":"Alameda","state":"CA","postalCode":"946%02d"}]}`+"\n",
			id("p", i), 1+rnd.IntN(28), pick("2106-3", "2131-1", "2028-9"), pick("2135-2", "2186-5"), i, pick("Garcia", "Nguyen", "Smith", "Lee"), pick("Maria", "Wei", "Jose"), pick("A", "B"), rnd.IntN(10000), pick("female", "male"), 1930+rnd.IntN(80), 1+rnd.IntN(12), 1+rnd.IntN(28), 1+rnd.IntN(9999), pick("Main", "Oak"), rnd.IntN(20))
	}
}

func decodeAll(b testing.TB, d *Decoder, src io.Reader) (rows int64) {
	r, err := d.Open(src, "bench.ndjson")
	if err != nil {
		b.Fatal(err)
	}
	for {
		block, err := r.Next()
		if err == io.EOF {
			return rows
		}
		if err != nil {
			b.Fatal(err)
		}
		rows += decodeOne(b, block)
	}
}

func decodeOne(b testing.TB, block extract.Block) int64 {
	batch, err := block.Decode()
	if err != nil {
		b.Fatal(err)
	}
	defer batch.Rows.Release()
	defer batch.Done()
	return batch.Rows.NumRows()
}

// BenchmarkDecode reads 100,000 Immunizations with 50,000 Patients, on one
// goroutine.
func BenchmarkDecode(b *testing.B) {
	const n = 100_000
	var text bytes.Buffer
	generate(&text, n, n/2)
	b.SetBytes(int64(text.Len()))
	d := &Decoder{Dir: b.TempDir()}
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		if rows := decodeAll(b, d, bytes.NewReader(text.Bytes())); rows != n {
			b.Fatal(rows)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/(cpu()-before).Seconds(), "rows/cpu-s")
}
