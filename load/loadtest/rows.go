package loadtest

import (
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/dosebook/dosebook/dose"
)

// Row is one event row of a segment.
type Row struct {
	ID        string // vax_event_id
	Recip     string // recip_id; empty: the event stands as a person of its own
	Day       int32  // admin_date, days since 1970-01-01; 0: null
	CVX       int32  // 0: null
	County    string // residence: FIPS, OOS, UNK; empty: UNK
	City      string // lhj, where it is not the county
	Given     string // admin_county; empty: null
	NoDose    string // completion, where it is not CP
	Refused   bool
	Tombstone bool
	Sent      int64             // source_time of the row itself, microseconds; 0: the payload's counts
	Key       int64             // event_key; 0: as transform makes it. To make keys collide
	Name      string            // of the person, folded, with the birth date; empty: none that matches
	Lot, Site string            // empty: the row's own, which no other has; "-": not said
	Coarse    string            // month, year: what is known of Day; empty: the day
	Past      string            // is_historical: Y, N; empty: not said
	Text      map[string]string // other text columns
}

// countable: could be a dose (domain: completed, not refused, and CVX 998 is
// "no vaccine administered").
func (r Row) countable() bool { return r.Day != 0 && r.NoDose == "" && !r.Refused && r.CVX != 998 }

// idKey is the key of an event or a recipient in its registry.
func idKey(registry, id string) int64 { return int64(xxh3.HashString(registry + "\x00" + id)) }

// eventKey and recipKey are as in package transform.
func (r Row) eventKey(registry string) int64 {
	if r.Key != 0 {
		return r.Key
	}
	return idKey(registry, r.ID)
}

// lot, site and name are the row's keys; ok is false where it says nothing.
func (r Row) lot() (key int32, ok bool)  { return ownKey("lot", r.Lot, r.ID) }
func (r Row) site() (key int32, ok bool) { return ownKey("org", r.Site, r.ID) }

func ownKey(kind, said, id string) (int32, bool) {
	if said == "" {
		said = id
	}
	return int32(xxh3.HashString(kind + said)), said != "-"
}

func (r Row) recipKey(registry string) int64 {
	id := r.Recip
	if id == "" {
		id = r.ID
	}
	return idKey(registry, id)
}

// filled stands for the number of filled cells.
func (r Row) filled() int32 { return int32(len(r.text())) }

func (r Row) county() string {
	if r.County == "" {
		return string(dose.UnknownCounty)
	}
	return r.County
}

// text returns the row's text cells by column.
func (r Row) text() map[string]string {
	cells := map[string]string{"vax_event_id": r.ID, "recip_id": r.Recip}
	if r.Refused {
		cells["vax_refusal"] = "YES"
	}
	for k, v := range r.Text {
		cells[k] = v
	}
	return cells
}

// content is equal for rows of equal reported cells, as in package transform.
func (r Row) content() int64 {
	var sum uint64
	add := func(column, value string) {
		if value != "" {
			sum += xxh3.HashStringSeed(value, xxh3.HashString(column))
		}
	}
	for k, v := range r.text() {
		add(k, v)
	}
	add("admin_date", strconv.Itoa(int(r.Day)))
	add("cvx", strconv.Itoa(int(r.CVX)))
	add("recip_address_county", r.County)
	add("recip_address_city", r.City)
	add("admin_address_county", r.Given)
	add("completion", r.NoDose)
	add("recip_last_name", r.Name)
	add("lot", r.Lot)
	add("site", r.Site)
	add("past", r.Past)
	add("coarse", r.Coarse)
	return int64(sum)
}

// Batch makes a batch of the segment schema; lines count from first.
func Batch(t testing.TB, registry string, first int64, rows ...Row) arrow.RecordBatch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, dose.SegmentSchema())
	defer b.Release()
	for i, r := range rows {
		cells := r.cells(registry, first+int64(i))
		for k, c := range dose.SegmentColumns() {
			v, ok := cells[c.Name]
			if s, text := v.(string); !ok || text && s == "" {
				b.Field(k).AppendNull()
				continue
			}
			appendCell(t, b.Field(k), v)
		}
	}
	return b.NewRecordBatch()
}

// cells are the row's cells as transform would make them.
func (r Row) cells(registry string, line int64) map[string]any {
	cells := map[string]any{}
	for k, v := range r.text() {
		cells[k] = v
	}
	lhj := r.City
	if lhj == "" {
		lhj = r.county()
	}
	completion := r.NoDose
	if completion == "" {
		completion = "CP"
	}
	for k, v := range map[string]any{
		"registry": registry, "completion": completion, "admin_date_precision": "day", "county": r.county(), "county_method": "reported",
		"admin_county": r.Given, "lhj": lhj, "line": line, "tombstone": r.Tombstone, "event_key": r.eventKey(registry),
		"recip_key": r.recipKey(registry), "content_key": r.content(), "filled": r.filled(),
	} {
		cells[k] = v
	}
	if k, ok := r.lot(); ok {
		cells["lot_key"] = k
	}
	if k, ok := r.site(); ok {
		cells["org_key"] = k
	}
	if r.Name != "" {
		cells["name_key"] = int64(xxh3.HashString(r.Name))
	}
	if r.Coarse != "" {
		cells["admin_date_precision"] = r.Coarse
	}
	if r.Past != "" {
		cells["is_historical"] = r.Past == "Y"
	}
	if r.Day != 0 {
		cells["admin_date"] = arrow.Date32(r.Day)
	}
	if r.CVX != 0 {
		cells["cvx"] = r.CVX
	}
	if r.Sent != 0 {
		cells["source_time"] = arrow.Timestamp(r.Sent)
	}
	return cells
}

func appendCell(t testing.TB, b array.Builder, v any) {
	t.Helper()
	switch b := b.(type) {
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(v.(string)); err != nil {
			t.Fatal(err)
		}
	case *array.StringBuilder:
		b.Append(v.(string))
	case *array.Date32Builder:
		if day, ok := v.(string); ok {
			at, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			v = arrow.Date32FromTime(at)
		}
		b.Append(v.(arrow.Date32))
	case *array.Int32Builder:
		b.Append(v.(int32))
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.TimestampBuilder:
		b.Append(v.(arrow.Timestamp))
	default:
		t.Fatalf("no column is made by a %T", b)
	}
}

// number is a county as the warehouse keeps it: FIPS, 1 for OOS, 0 for UNK.
func number(county string) int32 {
	switch county {
	case string(dose.OutOfState):
		return 1
	case string(dose.UnknownCounty), "":
		return 0
	}
	n, _ := strconv.Atoi(county)
	return int32(n)
}
