-- ?1 feed, ?2 at most so many: what it brought, newest first.
select run, sha256, name, action, coalesce(day, ''), records, rejects, state, at
from feed_payload
where feed = ?1
order by run desc, rowid desc
limit ?2;
