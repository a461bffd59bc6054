"""Fewest cells that must be hidden besides the small ones, by HiGHS (scipy.optimize.milp).

Reads one table a line as JSON: values, needs ([cell, low, high]) and relations
([[cell, coefficient], ...], each adding to zero). Prints for each the number of
other cells hidden at best, or null where the solver ran out of time. For each
end of each small cell there is another table that agrees with all that is
shown: the same condition as the proof's, but for whole numbers.
"""
import json
import os
import sys

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_matrix

FAR = 40  # a cell goes up by no more than this in another table


def optimum(table):
    values, needs, relations = table["values"], table["needs"] or [], table["relations"]
    if not needs:
        return 0
    n, ends = len(values), [(c, e) for c, low, high in needs for e in (low, high)]
    size = n * (1 + len(ends))
    low, high = np.zeros(size), np.ones(size)
    for c, _, _ in needs:
        low[c] = 1
    for i, v in enumerate(values):
        if v == 0:
            high[i] = 0
    rows = len(ends) * (len(relations) + 2 * n)
    a, least, most = lil_matrix((rows, size)), np.full(rows, -np.inf), np.zeros(rows)
    r = 0
    for k, (cell, end) in enumerate(ends):
        at = n * (k + 1)
        low[at:at + n], high[at:at + n] = [-max(v - 1, 0) for v in values], FAR
        if end < values[cell]:
            high[at + cell] = end - values[cell]
        elif end > values[cell]:
            low[at + cell] = end - values[cell]
        for terms in relations:
            for c, by in terms:
                a[r, at + c] += by
            least[r] = 0
            r += 1
        for i, v in enumerate(values):
            a[r, at + i], a[r, i] = 1, -FAR
            a[r + 1, at + i], a[r + 1, i] = -1, -max(v - 1, 0)
            r += 2
    cost = np.zeros(size)
    cost[:n] = 1
    kind = np.zeros(size)
    kind[:n] = 1
    got = milp(cost, integrality=kind, bounds=Bounds(low, high), constraints=LinearConstraint(a.tocsr(), least, most), options={"time_limit": 20})
    return round(got.fun) - len(needs) if got.status == 0 else None


answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # the solver prints what it likes where it likes
for line in sys.stdin:
    print(json.dumps(optimum(json.loads(line))), file=answers, flush=True)
