-- quality_given: one row a registry and day on which doses were given. doses
-- counts an event once however many ids it has in the registry; resent are the
-- ids beyond that. Dates without a day stand on no day. {row}: the files of
-- 60_quality_row.sql.
select registry, admin_date as day, count(*) as events, count(*) - (count(dose_id) - count(distinct dose_id)) as doses,
       count(dose_id) - count(distinct dose_id) as resent
from {row} where not tombstone and says & {dated} <> 0
group by all
order by all
