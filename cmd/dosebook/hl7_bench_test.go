package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/dosebook/dosebook/transform"
)

// vxuMessages makes n messages of one dose with the segments, lengths and spread
// of values that an EHR sends a registry: about 1.2 kB each.
func vxuMessages(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	var b bytes.Buffer
	for i := range n {
		zip := 90000 + rnd.IntN(1700)
		day := fmt.Sprintf("2021%02d%02d", 1+rnd.IntN(12), 1+rnd.IntN(28))
		fmt.Fprintf(&b, "MSH|^~\\&|EHR|CA%04d|IIS|CAIR2|%s101530-0800||VXU^V04^VXU_V04|%d|P|2.5.1|||ER|AL|||||Z22^CDCPHINVS|Org %d^L\r", rnd.IntN(3000), day, 7000000+i, rnd.IntN(2800))
		fmt.Fprintf(&b, "PID|1||%d^^^CLINIC^MR||%s^%s^%s^^^^L|SMITH^JANE^^^^^M|%d%02d%02d|%s||%s^Race^CDCREC|%d %s St^^San %s^CA^%d^USA^L^^06%03d||^PRN^PH^^^%d^%07d|||||||||2186-5^Not Hispanic or Latino^CDCREC||N|1\r",
			20000000+rnd.IntN(n+1), pick("Garcia", "Nguyen", "Smith", "Hernandez", "Lee")+pick("", "", "bari", "monte", "versal"), pick("Maria", "Wei", "Jose", "Olivia", "Thomas"), pick("A", "B", ""),
			1928+rnd.IntN(86), 1+rnd.IntN(12), 1+rnd.IntN(28), pick("F", "M", "U"), pick("2106-3", "2131-1", "2028-9"), 1+rnd.IntN(19999), pick("Main", "Oak", "Figueroa"),
			pick("Bernardino", "Jose", "Rafael"), zip, 2*rnd.IntN(58)+1, 200+rnd.IntN(700), rnd.IntN(1e7))
		b.WriteString("PD1|||||||||||02^Reminder/Recall - any method^HL70215|N|20210101|||A|20210101|20210101\rNK1|1|SMITH^JANE^^^^^L|MTH^Mother^HL70063|1 Main St^^San Jose^CA^95101^USA^L|^PRN^PH^^^408^5550100\r")
		fmt.Fprintf(&b, "ORC|RE||%d^CLINIC|||||||I-23432^Burden^Donna^A^^^^^NIST-AA-1^^^^PRN||57422^RADON^NICHOLAS^^^^^^NIST-AA-1^L^^^MD\r", 33017784709+i)
		fmt.Fprintf(&b, "RXA|0|1|%s||208^COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose^CVX^59267-1000-0%d^Pfizer-BioNTech COVID-19^NDC|0.3|mL^milliliters^UCUM||00^New immunization record^NIP001|7832-1^Lemon^Mike^A^^^^^NIST-AA-1^^^^PRN|^^^Clinic %d&%d^^17^^^%d Ventura Blvd^^San Jose^CA^%d^USA^^06085||||E%c%d|202112|PFR^Pfizer, Inc^MVX|||CP|A|%s110000-0800\r",
			day, 1+rnd.IntN(3), rnd.IntN(3000), 100000+rnd.IntN(3000), rnd.IntN(900), zip, 'A'+rune(rnd.IntN(26)), 1000+rnd.IntN(400), day)
		b.WriteString("RXR|C28161^Intramuscular^NCIT|" + pick("LA", "RA", "LD") + "^Left Arm^HL70163\r")
		b.WriteString("OBX|1|CE|64994-7^Vaccine funding program eligibility category^LN|1|V01^Not VFC eligible^HL70064||||||F|||" + day + "|||VXC40^Eligibility captured at the immunization level^CDCPHINVS\r")
		b.WriteString("OBX|2|CE|30963-3^Vaccine funding source^LN|1|PHC70^Private^CDCPHINVS||||||F|||" + day + "\rOBX|3|CE|30956-7^vaccine type^LN|2|213^SARS-COV-2 (COVID-19) vaccine, UNSPECIFIED^CVX||||||F|||" + day + "\r")
	}
	return b.Bytes()
}

// BenchmarkHL7 decodes messages of one dose on one core, and decodes and maps
// them (DESIGN §6, J2).
func BenchmarkHL7(b *testing.B) {
	const n = 100_000
	text := vxuMessages(n)
	if out := os.Getenv("DOSEBOOK_HL7_OUT"); out != "" { // for bench/j2.sh: the peers read the same
		if err := os.WriteFile(out, text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, mapped := range []bool{false, true} {
		b.Run(map[bool]string{false: "decode", true: "map"}[mapped], func(b *testing.B) {
			d, err := decoder("hl7v2")
			if err != nil {
				b.Fatal(err)
			}
			m := transform.New(transform.Options{Registry: "TEST"})
			b.SetBytes(int64(len(text)))
			before := cpuSeconds()
			b.ReportAllocs()
			for b.Loop() {
				r, err := d.Open(bytes.NewReader(text), "bench")
				if err != nil {
					b.Fatal(err)
				}
				rows := int64(0)
				for {
					block, err := r.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					raw, err := block.Decode()
					if err != nil {
						b.Fatal(err)
					}
					rows += raw.Rows.NumRows()
					if mapped {
						res, err := m.Apply(raw.Rows)
						if err != nil {
							b.Fatal(err)
						}
						res.Events.Release()
					}
					raw.Rows.Release()
					raw.Done()
				}
				if rows != n {
					b.Fatalf("%d rows, want %d", rows, n)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/(cpuSeconds()-before), "messages/CPU-s")
		})
	}
}

// cpuSeconds is what the process used so far: wall time says little on a busy
// machine.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
