-- quality_given: one row a registry and day on which doses were given. doses
-- counts an event once however many ids it has in the registry; resent are the
-- ids beyond that. Dates without a day stand on no day.
select v.registry, v.admin_date as day, count(*) as events,
       count(*) - (count(d.dose_id) - count(distinct d.dose_id)) as doses,
       count(d.dose_id) - count(distinct d.dose_id) as resent
from event v join derived d on d.place = v.place
where not v.tombstone and v.admin_date is not null and coalesce(v.coarse, 0) = 0
group by all
order by all
