package cvrs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// header returns the names of the first n raw columns, tab separated.
func headerLine() string {
	names := make([]string, dose.CVRSColumns)
	for i, c := range dose.Raw()[:dose.CVRSColumns] {
		names[i] = c.Name
	}
	return strings.Join(names, "\t")
}

// generate makes text of n rows with the lengths, the spread of values and the
// empty cells of a state's identified extract: about 300 bytes a row.
func generate(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	some := func(share int, s string) string {
		if rnd.IntN(share) > 0 {
			return ""
		}
		return s
	}
	var b bytes.Buffer
	b.WriteString(headerLine() + "\n")
	for i := range n {
		zip := 90000 + rnd.IntN(1700)
		chain := pick("Walgreens", "CVS Pharmacy", "Kaiser Permanente", "Dignity Health", "Costco Pharmacy")
		name := fmt.Sprintf("%s #%d", chain, 1000+rnd.IntN(400))
		if rnd.IntN(40) == 0 {
			name = `Gomez "Drive-Thru" Clinic, Los Palos`
		}
		fmt.Fprintf(&b, "CA%011d\tI\t\t%d\t%s\t%s\t%s\t%d-%02d-%02d\t%s\t%d %s %s\t%s\t%s %s\t06%03d\tCA\t%d\t%s\t%s\t\t\t\t\t%s\t",
			33017784709+i, 20000000+rnd.IntN(n+1), pick("Maria", "Wei", "Jose", "Olivia", "Thomas", "Elizabeth"), some(3, pick("A", "B", "Y")),
			pick("Garcia", "Nguyen", "Smith", "Hernandez", "Lee")+some(4, pick("bari", "monte", "versal", "dona")), 1928+rnd.IntN(86), 1+rnd.IntN(12), 1+rnd.IntN(28),
			pick("F", "M", "U"), 1+rnd.IntN(19999), pick("Main", "Oak", "Figueroa", "Washington"), pick("St", "Ave", "Blvd"), some(6, fmt.Sprintf("Apt %d", rnd.IntN(400))),
			pick("San", "Santa", "Los"), pick("Bernardino", "Ana", "Palos"), 2*rnd.IntN(58)+1, zip,
			pick("2106-3", "2131-1", "2028-9"), some(12, "2054-5"), pick("UNK", "2135-2", "2186-5"))
		fmt.Fprintf(&b, "2021-%02d-%02d\t208\t59267-1000-0%d\tPFR\tE%c%d\t2021-%02d-%02d\t%s\tC28161\t%d\t%s\t%s\t%s\t%d\t17\t%d %s Blvd\t\tSan %s\t06%03d\tCA\t%d\tNO\tUNK\tUNK\n",
			1+rnd.IntN(12), 1+rnd.IntN(28), 1+rnd.IntN(2), 'A'+rune(rnd.IntN(26)), 1000+rnd.IntN(400), 1+rnd.IntN(12), 1+rnd.IntN(28), pick("LA", "RA", "LD"),
			1+rnd.IntN(3), pick("YES", "NO"), chain, name, 100000+rnd.IntN(900), rnd.IntN(900), pick("Ventura", "Shaw", "Mission"),
			pick("Bernardino", "Rafael", "Mateo"), 2*rnd.IntN(58)+1, zip)
	}
	return b.Bytes()
}

func decodeAll(b *testing.B, d *Decoder, text []byte) (rows int64) {
	r, err := d.Open(bytes.NewReader(text), "bench.txt")
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
		batch, err := block.Decode()
		if err != nil {
			b.Fatal(err)
		}
		rows += batch.Rows.NumRows()
		batch.Rows.Release()
		batch.Done()
	}
}

// BenchmarkBlockSize decodes 60 MB of rows on one core.
func BenchmarkBlockSize(b *testing.B) {
	const n = 200_000
	text := generate(n)
	for _, mb := range []int{1, 4, 8, 16, 32} {
		b.Run(fmt.Sprintf("%dMB", mb), func(b *testing.B) {
			d := &Decoder{BlockSize: mb << 20}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if rows := decodeAll(b, d, text); rows != n {
					b.Fatalf("%d rows, want %d", rows, n)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
