"""Serve fakesnow until standard input ends, so that no server outlives its test."""

import os
import sys
import threading


def watch():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=watch, daemon=True).start()

from fakesnow.cli import main  # noqa: E402

sys.exit(main(["-s"]))
