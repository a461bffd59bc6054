-- Every refused record of the segments in the release. {files} and {rejects}:
-- the reject files, and (path, registry, segment, name) of each. What a replay
-- took up is replayed, whatever became of it there; what a steward gave up, and
-- did not take up again, is given-up; what a sender sent that is not cleared is
-- quarantined.
select s.registry, s.segment, s.name as path, r.line, r.record, r.field, r.code, r.message, r.remedy,
       case when p.line is not null then 'replayed' when g.verdict = 'given-up' then 'given-up' when r.code in ('SENDER_UNKNOWN', 'SENDER_TESTING', 'SENDER_SUSPENDED') then 'quarantined'
            else 'open' end as state
from read_parquet({files}, filename = true) r
join (values {rejects}) s(file, seq, registry, segment, name) on s.file = r.filename
left join replayed_reject p on p.registry = s.registry and p.segment = s.segment and p.line = r.line
left join (select registry, segment, line, max_by(verdict, place) as verdict from closing group by all) g
  on g.registry = s.registry and g.segment = s.segment and g.line = r.line
order by s.seq, r.line, r.code
