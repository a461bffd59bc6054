-- All replays, in the order of the ledger.
select s.registry, s.segment, r.origin, r.root, r.lines
from replay r join segment s on s.seq = r.seq
order by r.seq;
