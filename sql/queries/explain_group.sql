-- The events that are one dose with an event, and what was said of each pair.
select e.registry, e.vax_event_id, e.place, v.is_primary, v.dose_ordinal, e.admin_date, e.event_key
from derived v join event e on e.place = v.place
where coalesce(v.dose_id, e.event_key) = (
  select coalesce(d.dose_id, x.event_key) from derived d join event x on x.place = d.place where d.place = ?1)
order by v.is_primary desc, e.born, e.event_key;
