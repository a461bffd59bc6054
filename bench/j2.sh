#!/usr/bin/env bash
# Job J2 beside its peers, in one run: HL7 messages of one dose, decoded and
# mapped on one core. bench/README.md says what was measured.
#
#   bench/j2.sh [PYTHON]      a Python that has the package hl7
#   HAPI=CLASSPATH            also HAPI HL7v2 (hapi-base, hapi-structures-v251 and slf4j-api)
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DOSEBOOK_HL7_OUT="$work/messages.hl7" GOMAXPROCS=1 go test -run '^$' -bench BenchmarkHL7 -benchtime 5s ./cmd/dosebook | grep -E 'HL7|^cpu'
"${1:-python3}" bench/peers/python_hl7.py "$work/messages.hl7" 20000
if [ -n "${HAPI:-}" ]; then
	java -cp "$HAPI" bench/peers/Hapi.java "$work/messages.hl7" 100000
fi
