select id, kind, day, about, says, raised_at
from access_notice
order by id desc
limit ?
