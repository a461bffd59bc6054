# python-hl7 on the messages of bench/j2.sh: parse each, read the fields that a
# dose is made of. Prints messages per CPU second.
import sys
import time

import hl7

FIELDS = ("MSH.F4", "MSH.F7", "MSH.F10", "PID.F3", "PID.F5", "PID.F7", "PID.F8", "PID.F10", "PID.F11", "PID.F22", "ORC.F3",
          "RXA.F3", "RXA.F5", "RXA.F9", "RXA.F11", "RXA.F15", "RXA.F16", "RXA.F17", "RXA.F20", "RXA.F21", "RXR.F1", "RXR.F2")

text = open(sys.argv[1], encoding="utf-8", newline="").read()
messages = ["MSH" + m for m in text.split("MSH|")[1:]]
messages = [m.replace("MSH", "MSH|", 1) for m in messages][: int(sys.argv[2])]
start = time.process_time()
for m in messages:
    parsed = hl7.parse(m)
    for field in FIELDS:
        segment, number = field.split(".F")
        str(parsed.segment(segment)[int(number)])
print(f"python-hl7 {hl7.__version__}: {len(messages) / (time.process_time() - start):.0f} messages/CPU-s")
