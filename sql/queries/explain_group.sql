-- The events that are one dose with the event at a place. They are one
-- person's: to look among hers alone spares joining all events.
with asked as (
  select d.person_id, coalesce(d.dose_id, e.event_key) as dose
  from (select person_id, dose_id, place from derived where place = ?1) d join (select event_key, place from event where place = ?1) e on e.place = d.place
)
select e.registry, e.vax_event_id, e.place, v.is_primary, v.dose_ordinal, e.admin_date, e.event_key
from (select * from derived where person_id = (select person_id from asked)) v join event e on e.place = v.place
where coalesce(v.dose_id, e.event_key) = (select dose from asked)
order by v.is_primary desc, e.born, e.event_key;
