-- ?1 channel, ?2 a week ago: what the channel has not been told, oldest first.
-- What is long over is not told to a new channel, a day excused in advance to none.
select n.id, n.feed, n.kind, n.day, n.about, n.says, n.raised_at, coalesce(n.cleared_at, 0), ''
from feed_notice n
where not exists (select 1 from feed_notice_sent s where s.notice = n.id and s.channel = ?1)
  and (n.cleared_at is null or n.raised_at > ?2 and n.cleared_at <> n.raised_at)
order by n.id;
