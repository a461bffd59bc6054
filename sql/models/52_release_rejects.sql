-- Every refused record of the segments in the release. {files} and {segments}:
-- the reject files, and (path, registry, segment, name) of each.
select s.registry, s.segment, s.name as path, r.line, r.record, r.field, r.code, r.message, r.remedy, 'open' as state
from read_parquet({files}, filename = true) r
join (values {rejects}) s(file, seq, registry, segment, name) on s.file = r.filename
order by s.seq, r.line, r.code
