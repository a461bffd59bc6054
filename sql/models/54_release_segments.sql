-- The segments that a release is made of, in ledger order. What a segment did
-- comes from the warehouse; the rest is the ledger's.
select s.registry, s.segment, s.sha256, s.path, s.format, s.action, make_timestamp(s.source_time) as reported_at,
       s.records, s.events, a.adds, a.updates, a.deletes, a.unchanged, s.rejects
from (values {segments}) s(seq, registry, segment, sha256, path, format, action, source_time, records, events, rejects)
left join applied a on a.seq = s.seq
order by s.seq
