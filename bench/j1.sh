#!/usr/bin/env bash
# Job J1 beside its peers, in one run: CVRS files to checked, deduplicated
# Parquet per county. bench/README.md has the rules and what was measured.
#
#   bench/j1.sh FILES_DIR WORK_DIR [ROUNDS]
#
# FILES_DIR holds *.txt and manifest.json of the J1 generator. Peers are given
# in PEERS, one 'name=command' a line; {in} and {out} are replaced. CPU seconds
# and peak memory are the operating system's own, of the whole process.
set -euo pipefail
in=$(realpath "$1") work=$(realpath -m "$2") rounds=${3:-3}
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$work"
(cd "$here" && go build -o "$work/dosebook" ./cmd/dosebook)

measure() { # measure NAME COMMAND...
	local name=$1
	shift
	/usr/bin/time -o "$work/time" -f '%U %S %e %M' "$@" >"$work/out.log" 2>&1 || { tail -5 "$work/out.log"; exit 1; }
	read -r user sys wall kb <"$work/time"
	awk -v n="$name" -v u="$user" -v s="$sys" -v w="$wall" -v k="$kb" \
		'BEGIN { printf "%-24s cpu %6.1f s  wall %6.1f s  peak %5d MB\n", n, u + s, w, k / 1024 }'
}

for round in $(seq "$rounds"); do
	echo "round $round"
	cat "$in"/*.txt >/dev/null # warm for everyone
	rm -rf "$work/data"
	measure "dosebook ingest" "$work/dosebook" ingest --registry CAIR2 --precision day --data "$work/data" "$in"/*.txt
	measure "dosebook release" "$work/dosebook" release build --data "$work/data"
	while IFS== read -r name command; do
		[ -n "$name" ] || continue
		rm -rf "$work/peer"
		command=${command//\{in\}/$in}
		measure "$name" bash -c "exec ${command//\{out\}/$work/peer}"
	done <<<"${PEERS:-}"
done
"$work/dosebook" sql --data "$work/data" "select (select count(*) from dose_event) as kept, (select count(*) from reject) as rejected"
