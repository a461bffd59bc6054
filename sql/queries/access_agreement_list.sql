-- The agreement ?1, or all when it is empty.
select number, organisation, signed, expires_at, created_at, created_by, ended_at, coalesce(ended_by, '')
from access_agreement
where ?1 = '' or number = ?1
order by organisation, signed, number
