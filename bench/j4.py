# J4: one county's rows as CSV for the first time, by `dosebook extract` and by
# PostgreSQL with row-level security, in one run and row for row the same.
#
#   python3 bench/j4.py DOSEBOOK DATA WORK [COUNTY] [RUNS]
#
# DOSEBOOK is the program, DATA a data directory with a release, WORK an empty
# folder; python3 needs the duckdb package. PostgreSQL gets the rows of all
# counties' own files, in no order, each with the county that may see it, and
# is measured with an index, then with the table clustered by it, its best case.
# CPU seconds are the program's whole process, or psql's and its server's.
import glob
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

import duckdb

dosebook, data, work = (os.path.abspath(p) for p in sys.argv[1:4])
county = sys.argv[4] if len(sys.argv) > 4 else "06019"
runs = int(sys.argv[5]) if len(sys.argv) > 5 else 5
COLS = """vax_event_id recip_id recip_first_name recip_last_name recip_dob recip_sex recip_address_city recip_address_county
recip_address_zip recip_race_1 recip_ethnicity admin_date cvx ndc mvx lot_number dose_num responsible_org admin_name
admin_address_county county visible_because""".split()
TYPES = {"recip_dob": "date", "admin_date": "date", "cvx": "smallint"}
out = f"{work}/out.csv"


def ticks(pid):
    """CPU seconds of a process, its children, and those of them that ended."""
    total = 0
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            f = open(stat).read().rpartition(")")[2].split()
        except OSError:
            continue
        own = int(stat.split("/")[2])
        if own == pid or int(f[1]) == pid:
            total += int(f[11]) + int(f[12]) + (int(f[13]) + int(f[14]) if own == pid else 0)
    return total / os.sysconf("SC_CLK_TCK")


def timed(argv, server=0):
    before, t0, kids = ticks(server) if server else 0, time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(out if server else os.devnull, "wb") as f:
        subprocess.run(argv, stdout=f, check=True)
    wall, now = time.monotonic() - t0, resource.getrusage(resource.RUSAGE_CHILDREN)
    time.sleep(0.2)  # the backend's own end
    cpu = now.ru_utime + now.ru_stime - kids.ru_utime - kids.ru_stime
    return cpu + (ticks(server) - before if server else 0), wall


def rows():
    """Number and hash of the rows that were written, whatever their order and quotes."""
    con = duckdb.connect()
    return con.execute(f"select count(*), sum(hash(t)::hugeint) from read_csv('{out}', header = true, all_varchar = true) t").fetchone()


def show(name, jobs, server=0):
    got = []
    for _ in range(runs):
        if os.path.exists(out):
            os.remove(out)
        got.append(timed(jobs, server))
    cpu, wall = zip(*got)
    print(f"{name:<42} cpu {statistics.median(cpu):.2f} s ({min(cpu):.2f}-{max(cpu):.2f})  wall {statistics.median(wall):.2f} s", flush=True)
    return rows() if server or "--out" in jobs else None


release = open(f"{data}/releases/latest").read().strip()
pg, bin = f"{work}/pg", sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1]
shutil.rmtree(work, ignore_errors=True)
os.makedirs(pg)
as_pg = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
if as_pg:
    shutil.chown(pg, "postgres")
psql = lambda sql: ["psql", "-qXAt", "-h", pg, "-U", "postgres", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql]
quiet = {"check": True, "stdout": subprocess.DEVNULL}
subprocess.run([*as_pg, f"{bin}/initdb", "-D", f"{pg}/data", "-U", "postgres", "-A", "trust", "--no-sync"], **quiet)
options = f"-k {pg} -c listen_addresses= -c shared_buffers=2GB -c max_wal_size=8GB -c fsync=off -c work_mem=64MB -c jit=off"
subprocess.run([*as_pg, f"{bin}/pg_ctl", "-D", f"{pg}/data", "-l", f"{pg}/log", "-w", "-o", options, "start"], **quiet)
try:
    files = f"{data}/releases/{release}/counties/*/dose_event.parquet"
    duckdb.execute(f"copy (select regexp_extract(filename, 'counties/([^/]+)/', 1) as place, {', '.join(COLS)} from read_parquet('{files}', filename = true) "
                   f"order by hash(vax_event_id)) to '{work}/all.csv' (header)")
    ddl = ", ".join(f"{c} {TYPES.get(c, 'text')}" for c in ["place", *COLS])
    subprocess.run(psql(f"create table dose ({ddl})"), **quiet)
    subprocess.run(psql(f"\\copy dose from '{work}/all.csv' csv header"), **quiet)
    subprocess.run(psql("create role reader; grant select on dose to reader; alter table dose enable row level security; "
                        "create policy own on dose for select using (place = current_setting('app.place', true)); create index on dose (place)"), **quiet)
    subprocess.run(psql("vacuum analyze dose"), **quiet)
    server = int(open(f"{pg}/data/postmaster.pid").readline())
    ask = psql(f"set app.place = '{county}'; set role reader; copy (select {', '.join(COLS)} from dose) to stdout csv header")
    show("psql, start and SELECT 1", psql("select 1"), server)
    show("dosebook, start", [dosebook, "--version"])
    seen = [show("PostgreSQL, row security, index", ask, server)]
    subprocess.run(psql("cluster dose using dose_place_idx"), **quiet)
    subprocess.run(psql("analyze dose"), **quiet)
    extract = [dosebook, "extract", "--data", data, "--county", county, "--columns", ",".join(COLS), "--out", out]
    for _ in range(2):  # in turn
        seen.append(show("PostgreSQL, row security, clustered", ask, server))
        seen.append(show("dosebook extract", extract))
    print("rows:", seen[0][0], "the same" if len(set(seen)) == 1 else f"NOT the same: {seen}")
finally:
    subprocess.run([*as_pg, f"{bin}/pg_ctl", "-D", f"{pg}/data", "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(work)
