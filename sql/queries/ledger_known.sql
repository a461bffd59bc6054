-- All segments up to a position, each with the source_time that counts there:
-- the earliest of its own entry and of its retimes. Of a replay, the segment
-- where its records were first refused, and whether that is a snapshot.
select l.seq, s.registry, s.segment, s.action, s.format, s.events,
       (select min(t.source_time) from ledger t
        where t.registry = s.registry and t.segment = s.segment and t.seq <= ?1) as source_time,
       coalesce(r.root, ''), coalesce(o.action = 'S', 0)
from ledger l join segment s on s.seq = l.seq
left join replay r on r.seq = l.seq
left join segment o on o.registry = s.registry and o.segment = r.root
where l.seq <= ?1
order by l.seq;
