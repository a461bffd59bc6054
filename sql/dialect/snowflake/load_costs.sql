-- The last runs, with what they consumed where that was noted.
create table if not exists {schema}.load_cost (run_id varchar not null, statements integer not null, elapsed_ms bigint not null, bytes_scanned bigint not null, query_ids varchar not null);
select r.run_id, r.first_seq, r.last_seq, r.files, r.row_count, r.committed_at,
       coalesce(c.statements, 0) as statements, coalesce(c.elapsed_ms, 0) as elapsed_ms, coalesce(c.bytes_scanned, -1) as bytes_scanned, coalesce(c.query_ids, '') as query_ids
from {schema}.load_run as r
left join {schema}.load_cost as c on c.run_id = r.run_id
order by r.last_seq desc
limit {n};
