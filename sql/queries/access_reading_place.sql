-- Who read, since the day ?2, what holds people of one of the places in the
-- JSON list ?1. An empty place is the state's tables, which hold all.
select day, user, release, place, file, rows, seq
from access_reading
where place in (select value from json_each(?1)) and day >= ?2
order by seq
limit ?3
