-- The rows that the user ?1 read on the day ?2, and on the most of the days
-- from ?3 to before it.
select coalesce(sum(rows) filter (where day = ?2), 0),
       coalesce((select max(n) from (select sum(rows) as n from access_reading where user = ?1 and day >= ?3 and day < ?2 group by day)), 0)
from access_reading
where user = ?1 and day = ?2
