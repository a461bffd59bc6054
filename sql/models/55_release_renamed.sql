-- Events whose person or dose is not named by their own keys.
select v.place, v.person_id, coalesce(v.dose_id, e.event_key) as dose_id
from derived v join event e on e.place = v.place
where v.person_id <> e.recip or v.dose_id <> e.event_key
order by v.place
