-- Events whose person or dose is not named by the keys of their row in the lake;
-- the row of an event that moved has the key of its old id.
select v.place, v.person_id, coalesce(v.dose_id, e.event_key) as dose_id
from derived v join event e on e.place = v.place
where v.person_id <> e.recip or v.dose_id <> e.event_key or e.event_key in (select new_key from alias where entity = 'event')
order by v.place
