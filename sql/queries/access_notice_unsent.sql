-- Notices raised since ?2 that the channel ?1 has not had.
select id, kind, day, about, says, raised_at
from access_notice n
where raised_at >= ?2 and not exists (select 1 from access_notice_sent s where s.notice = n.id and s.channel = ?1)
order by id
