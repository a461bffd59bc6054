-- All segments up to a position, each with the source_time that counts there:
-- the earliest of its own entry and of its retimes.
select l.seq, s.registry, s.segment, s.action, s.format, s.events,
       (select min(t.source_time) from ledger t
        where t.registry = s.registry and t.segment = s.segment and t.seq <= ?1) as source_time
from ledger l join segment s on s.seq = l.seq
where l.seq <= ?1
order by l.seq;
