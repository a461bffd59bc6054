-- Entries after a position, in order.
select l.seq, l.kind, l.registry, l.segment, s.action, s.format, l.source_time, s.events
from ledger l join segment s on s.registry = l.registry and s.segment = l.segment
where l.seq > ?1 and l.seq <= ?2
order by l.seq;
