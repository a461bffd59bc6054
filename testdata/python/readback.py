"""Reads the formats of a table back with other tools and compares each with
the Parquet file: python readback.py STEM, where STEM.parquet, STEM.csv,
STEM.csv.gz, STEM.ndjson, STEM.xlsx and, if there, STEM.duckdb lie side by
side. Says what differs, by row and column, and exits 1."""

import datetime as dt
import json
import os
import re
import sys

import duckdb
import openpyxl
import pandas
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

stem = sys.argv[1]
parquet = stem + ".parquet"


def flat(table):
    """The table with texts as plain strings, times without a zone."""
    cols = []
    for col, field in zip(table.columns, table.schema):
        t = field.type
        if pa.types.is_dictionary(t):
            col = col.cast(pa.string())
        elif pa.types.is_timestamp(t):
            col = col.cast(pa.timestamp("us"))
        cols.append(col)
    return pa.table(cols, names=table.column_names)


want = flat(pyarrow.parquet.read_table(parquet))
names, types = want.column_names, want.schema.types
rows = [tuple(r.values()) for r in want.to_pylist()]
bad = 0


def check(tool, got_names, got):
    """Compares rows cell by cell, types included."""
    global bad
    if list(got_names) != names:
        bad += 1
        print(f"{tool}: columns {got_names}")
        return
    if len(got) != len(rows):
        bad += 1
        print(f"{tool}: {len(got)} rows, not {len(rows)}")
        return
    for i, (a, b) in enumerate(zip(got, rows)):
        for name, x, y in zip(names, a, b):
            if type(x) is not type(y) or x != y:
                bad += 1
                if bad < 20:
                    print(f"{tool}: row {i}, {name}: {x!r}, not {y!r}")
    print(f"{tool}: {len(got)} rows")


# Parquet by DuckDB and by pandas.
con = duckdb.connect()
con.execute("set TimeZone = 'UTC'")
sql_type = {pa.string(): "varchar", pa.date32(): "date", pa.int32(): "integer", pa.int64(): "bigint", pa.bool_(): "boolean", pa.timestamp("us"): "timestamp"}
declared = dict(zip(names, (sql_type[t] for t in types)))


def of_duckdb(source):
    cols = ", ".join(f'"{n}"::{t} "{n}"' for n, t in declared.items())
    return con.execute(f"select {cols} from {source}").fetchall()


seen = dict(r[:2] for r in con.execute(f"describe from '{parquet}'").fetchall())
for n, t in declared.items():
    if not seen[n].lower().startswith(t):
        bad += 1
        print(f"duckdb: {n} is {seen[n]}, not {t}")
check("parquet by duckdb", names, of_duckdb(f"'{parquet}'"))
if len(pandas.read_parquet(parquet)) != len(rows):
    bad += 1
    print("parquet by pandas: other rows")

# CSV: an empty cell is null, a quoted one is not.
convert = pyarrow.csv.ConvertOptions(
    column_types={n: (pa.timestamp("us", "UTC") if pa.types.is_timestamp(t) else t) for n, t in zip(names, types)}, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
)
parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
for end in ".csv", ".csv.gz":
    t = flat(pyarrow.csv.read_csv(stem + end, convert_options=convert, parse_options=parse))
    check(end[1:] + " by pyarrow", t.column_names, [tuple(r.values()) for r in t.to_pylist()])
frame = pandas.read_csv(stem + ".csv.gz", dtype=str, keep_default_na=False, lineterminator="\n")
check_rows = [["" if v is None else v for v in r] for r in rows]
for k, t in enumerate(types):
    if pa.types.is_string(t) and frame.iloc[:, k].tolist() != [r[k] for r in check_rows]:
        bad += 1
        print(f"csv.gz by pandas: {names[k]} differs")
cols = "{" + ", ".join(f"'{n}': '{t}'" for n, t in declared.items()) + "}"
if ("", ) not in {(r[k],) for r in rows for k in range(len(names))}:  # DuckDB reads "" as null
    check("csv by duckdb", names, of_duckdb(f"read_csv('{stem}.csv', columns={cols}, header=true, quote='\"', escape='\"', new_line='\\n', auto_detect=false)"))

# NDJSON, by the letter and by DuckDB.
reads = {"date": dt.date.fromisoformat, "timestamp": lambda s: dt.datetime.fromisoformat(s).replace(tzinfo=None)}
with open(stem + ".ndjson", encoding="utf-8") as f:
    objects = [json.loads(line) for line in f.read().split("\n") if line]
check("ndjson", names, [tuple(None if o.get(n) is None else reads.get(declared[n], lambda v: v)(o[n]) for n in names) for o in objects])
check("ndjson by duckdb", names, of_duckdb(f"read_json('{stem}.ndjson', columns={cols}, format='newline_delimited')"))


# XLSX: dates before 1900-03-01 and ids of many digits are text by intent.
def of_cell(v, t, name):
    if v is None:
        return None
    if pa.types.is_string(t):
        return re.sub("_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), v)
    if pa.types.is_date(t):
        return v.date() if isinstance(v, dt.datetime) else dt.date.fromisoformat(v)
    if pa.types.is_timestamp(t) and isinstance(v, str):
        return dt.datetime.fromisoformat(v).replace(tzinfo=None)
    if pa.types.is_int64(t) and name.endswith("_id"):
        return int(v) if isinstance(v, str) else v + 0.5
    return v


def near(x, y):
    return y if isinstance(x, dt.datetime) and isinstance(y, dt.datetime) and abs(x - y) < dt.timedelta(milliseconds=1) else x


book = openpyxl.load_workbook(stem + ".xlsx", read_only=True)
got = []
for sheet in book.worksheets:
    head, *body = sheet.iter_rows(values_only=True)
    for r in body:
        r = tuple(r) + (None,) * (len(names) - len(r))
        got.append(tuple(of_cell(v, t, n) for v, t, n in zip(r, types, names)))
    for cells in sheet.iter_rows(min_row=2):
        for c in cells:
            if c.data_type == "f":
                bad += 1
                print(f"xlsx: a formula in {c.coordinate}")
if len(got) == len(rows):
    got = [tuple(near(x, y) for x, y in zip(a, b)) for a, b in zip(got, rows)]
check(f"xlsx by openpyxl, {len(book.worksheets)} sheets", head, got)
frames = pandas.read_excel(stem + ".xlsx", sheet_name=None, dtype=object, na_filter=False)
if sum(map(len, frames.values())) != len(rows) or any(list(f.columns) != names for f in frames.values()):
    bad += 1
    print("xlsx by pandas: other rows or columns")

if os.path.exists(stem + ".duckdb"):
    table = os.path.basename(stem)
    con.execute(f"attach '{stem}.duckdb' as d (read_only)")
    order = "rowid" if con.execute(f"select count(*) from duckdb_tables() where database_name = 'd' and table_name = '{table}'").fetchone()[0] else "(select null)"
    check("duckdb", names, of_duckdb(f"d.{table} order by {order}"))

sys.exit(bad > 0)
