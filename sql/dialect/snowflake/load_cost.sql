-- What a run consumed, beside its row in LOAD_RUN; written after its commit.
-- The session's own history is read at once; it holds what no tag was set for,
-- PUT and COPY, too (Snowflake, QUERY_HISTORY_BY_SESSION).
create table if not exists load_cost (run_id varchar not null, statements integer not null, elapsed_ms bigint not null, bytes_scanned bigint not null, query_ids varchar not null);
select coalesce(sum(q.bytes_scanned), 0) as n
from table(information_schema.query_history_by_session(result_limit => 10000)) as q
where q.start_time >= (select f.start_time from table(information_schema.query_history_by_session(result_limit => 10000)) as f where f.query_id = {first});
insert into load_cost values (?, ?, ?, ?, ?);
