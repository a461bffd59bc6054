-- What the release writer needs of each live event, unordered: the place says
-- where a value lands. code = 1 + 2 * is_primary + 4 * series (0 none,
-- 1 partial, 2 complete: the person's, on all its rows) + 16 * interval (0 first
-- dose, 1 kept, 2 too short) + 64 * dose_ordinal; gap is the interval in days,
-- -1 for none.
select v.place,
       cast(1 + case when v.is_primary then 2 else 0 end
         + case when full_date is not null then 8 when v.is_primary or d.person_id is not null then 4 else 0 end
         + case when interval_valid then 16 when not interval_valid then 32 else 0 end
         + 64 * least(coalesce(dose_ordinal, 0), 1000) as integer) as code,
       cast(case when interval_days is null then -1 else least(interval_days, 30000) end as integer) as gap
from derived v
left join (select person_id from derived
           where is_primary and person_id in (select person_id from derived where not is_primary and full_date is null)
           group by person_id) d on d.person_id = v.person_id
