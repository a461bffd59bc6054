-- ?1 feed: what waits for a steward, oldest first.
select id, feed, registry, format, sha256, name, action, source_time, reason, held_at
from feed_held
where feed = ?1 and ended_at is null
order by id;
