-- ?1 feed: the time from which the next due time counts: the latest one that
-- was served, else when the feed was first seen.
select max(f.since, coalesce((select max(r.due_at) from feed_run r
                              where r.feed = f.name and r.state in ('ok', 'nothing', 'rejects', 'held')), 0))
from feed f
where f.name = ?1;
