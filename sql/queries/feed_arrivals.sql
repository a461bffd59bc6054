-- ?1 feed, ?2 since: what it brought and could be read, oldest first. What is
-- held has arrived, what can't be read has not.
select coalesce(day, ''), at, records
from feed_payload
where feed = ?1 and at >= ?2 and state in ('loaded', 'held')
order by at;
