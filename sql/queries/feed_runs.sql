-- ?1 feed, ?2 at most so many: its runs, newest first.
select id, feed, started_at, coalesce(ended_at, 0), state, step, again, error, note, payloads, fresh, records, rejects,
       coalesce(due_at, 0), attempt
from feed_run
where feed = ?1
order by id desc
limit ?2;
