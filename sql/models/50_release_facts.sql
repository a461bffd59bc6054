-- What the release writer needs of each live event, unordered: the place says
-- where a value lands. code = 1 + 2 * is_primary + 4 * series (0 none,
-- 1 partial, 2 complete) + 16 * interval (0 first dose, 1 kept, 2 too short)
-- + 64 * dose_ordinal; gap is the interval in days, -1 for none.
select place,
       cast(1 + case when is_primary then 2 else 0 end
         + case when full_date is not null then 8 when dose_ordinal is not null then 4 else 0 end
         + case when interval_valid then 16 when not interval_valid then 32 else 0 end
         + 64 * least(coalesce(dose_ordinal, 0), 1000) as integer) as code,
       cast(case when interval_days is null then -1 else least(interval_days, 30000) end as integer) as gap
from derived
