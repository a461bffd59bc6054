-- ?1 feed, ?2 at most so many: its notices, newest first, with where they went.
select n.id, n.feed, n.kind, n.day, n.about, n.says, n.raised_at, coalesce(n.cleared_at, 0),
       coalesce((select group_concat(s.channel, ' ') from feed_notice_sent s where s.notice = n.id), '')
from feed_notice n
where n.feed = ?1
order by n.id desc
limit ?2;
