# A day of 200,000 rows for a store that holds the files of the J1 generator:
# 125,000 next doses, 37,500 corrections, 12,500 deletions of rows that are
# there, and 25,000 doses of new people, from a second run of the generator with
# another seed. Same folders, same day.
#
#   python3 bench/day.py FILES OTHER_FILES OUT
#   for a in add update delete; do dosebook ingest --registry CAIR2 --action $a OUT/$a; done
import datetime
import glob
import os
import random
import sys

files, other, out = sys.argv[1:]
random.seed(7)
paths = sorted(glob.glob(files + "/*.txt"))
with open(paths[0]) as f:
    head = f.readline().rstrip("\r\n")
at = {name: i for i, name in enumerate(head.split("\t"))}


def cells(line):
    row = line.rstrip("\r\n").split("\t")
    return row if len(row) == 45 and row[0] and row[0] != "vax_event_id" and '"' not in line else None


sample = {}
for path in paths:
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        for offset in sorted(random.randrange(size) for _ in range(300_000 // len(paths) + 1)):
            f.seek(offset)
            f.readline()
            row = cells(f.readline().decode("utf8", "replace"))
            if row:
                sample.setdefault(row[0], row)
rows = list(sample.values())
random.shuffle(rows)
if len(rows) < 175_000:
    sys.exit(f"only {len(rows)} rows could be drawn")
later, corrected, deleted = [list(r) for r in rows[:125_000]], rows[125_000:162_500], rows[162_500:175_000]
for i, row in enumerate(later):
    row[at["vax_event_id"]] = f"CN{i:011d}"
    row[at["admin_date"]] = str(datetime.date(2026, 6, 1) + datetime.timedelta(days=random.randrange(20)))
    row[at["lot_number"]] = f"DAY{random.randrange(200):03d}"
    row[at["cvx"]] = row[at["cvx"]] or "208"
for row in corrected:
    row[at["lot_number"]] = f"FIX{random.randrange(500):03d}"
    if random.random() < 0.3:
        row[at["recip_address_zip"]], row[at["recip_address_county"]] = "94607", "06001"
new = []
for path in sorted(glob.glob(other + "/*.txt")):
    with open(path) as f:
        for row in filter(None, map(cells, f)):
            if len(new) < 25_000:
                row[0], row[at["recip_id"]] = "CX" + row[0][2:], "N" + row[at["recip_id"]]
                new.append(row)
for action, part in (("add", later + new), ("update", corrected), ("delete", deleted)):
    os.makedirs(f"{out}/{action}", exist_ok=True)
    with open(f"{out}/{action}/20260701_01_CAA.txt", "w") as f:
        f.write(head + "\n")
        f.writelines("\t".join(row) + "\n" for row in part)
