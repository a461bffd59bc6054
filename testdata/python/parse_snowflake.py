"""Parses SQL statements by sqlfluff's grammar of Snowflake, each by itself.

In: a JSON list of texts on standard input. Out: a JSON list as long, of null or
what could not be parsed. In a text of several statements sqlfluff would stop at
the first fault and leave the rest unread, so each is parsed alone. It proves
spelling and grammar, and no meaning.
"""

import json
import sys

from sqlfluff.core import FluffConfig, Linter


def main() -> None:
    linter = Linter(config=FluffConfig(overrides={"dialect": "snowflake", "templater": "raw"}))
    out = []
    for text in json.load(sys.stdin):
        parsed = linter.parse_string(text)
        faults = [f"line {v.line_no}: {v.desc()[:200]}" for v in parsed.violations]
        if not faults and parsed.tree is None:
            faults = ["not parsed"]
        if not faults and next(parsed.tree.recursive_crawl("unparsable"), None) is not None:
            faults = ["part of it was not parsed"]
        out.append(faults[0] if faults else None)
    json.dump(out, sys.stdout)


main()
