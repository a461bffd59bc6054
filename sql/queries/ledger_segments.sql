-- What each segment holds, for listings and for verify.
select s.seq, s.registry, s.segment, s.sha256, s.action, s.format, s.name, s.records, s.events, s.rejects,
       s.issues, s.files, p.bytes, p.received_at,
       (select min(t.source_time) from ledger t where t.registry = s.registry and t.segment = s.segment and t.seq <= ?1)
from segment s join payload p on p.sha256 = s.sha256
where s.seq <= ?1
order by s.seq;
