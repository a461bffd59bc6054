package pipelines_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

func TestReadControl(t *testing.T) {
	const rows, days = "vax_event_id,county,admin_date,content\n", "county,admin_date,rows,content\n"
	for name, c := range map[string]struct{ text, want, says string }{
		"rows":         {rows + "A,06001,2021-03-05,00000000000000ff\r\n\"B,\"\"1\",OOS,2021-03-06,ffffffffffffffff\n", "A,06001,2021-03-05,255\n\"B,\"\"1\",OOS,2021-03-06,-1\n", ""},
		"days":         {"\ufeff" + days + "06001,2021-03-05,2,ffffffffffffffff\n06001,2021-03-06,1,0000000000000001\nUNK,2021-03-01,1,0000000000000000\n", "06001,2021-03-05,2,18446744073709551615\n06001,2021-03-06,1,1\nUNK,2021-03-01,1,0\n", ""},
		"no rows":      {rows, "", ""},
		"empty":        {"", "", "line 1: the header"},
		"other header": {"id,county,admin_date,content\n", "", "line 1: the header"},
		"twice":        {rows + "A,06001,2021-03-05,0000000000000000\nA,06001,2021-03-05,0000000000000000\n", "", "line 3: out of order, or twice"},
		"order":        {days + "06001,2021-03-05,1,0000000000000000\n06001,2021-03-04,1,0000000000000000\n", "", "line 3: out of order"},
		"fields":       {rows + "A,06001,2021-03-05\n", "", "line 2: 3 fields"},
		"county":       {rows + "A,04001,2021-03-05,0000000000000000\n", "", "line 2: the county"},
		"city":         {rows + "A,berkeley,2021-03-05,0000000000000000\n", "", "line 2: the county"},
		"date":         {rows + "A,06001,3/5/2021,0000000000000000\n", "", "line 2: admin_date"},
		"content":      {rows + "A,06001,2021-03-05,123\n", "", "line 2: content"},
		"no id":        {rows + ",06001,2021-03-05,0000000000000000\n", "", "line 2: vax_event_id"},
		"no events":    {days + "06001,2021-03-05,0,0000000000000000\n", "", "line 2: rows"},
		"quotes":       {rows + "A,06001,2021-03-05,0000000000000000\n\"B,06001", "", "line 3: not CSV"},
	} {
		var out bytes.Buffer
		_, err := pipelines.ReadControl(strings.NewReader(c.text), "c.csv", &out)
		if c.says == "" && (err != nil || out.String() != c.want) {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
		if c.says != "" && (!errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), "c.csv: "+c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
