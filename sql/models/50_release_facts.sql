-- What the release writer needs of each live event, unordered: the place says
-- where a value lands. code = 1 + 2 * is_primary + 4 * series (0 none,
-- 1 partial, 2 complete) + 16 * dose_ordinal. person and dose are null where
-- they are the row's own keys.
select v.place,
       cast(1 + case when v.is_primary then 2 else 0 end
         + case when v.full_date is not null then 8 when v.dose_ordinal is not null then 4 else 0 end
         + 16 * coalesce(v.dose_ordinal, 0) as integer) as code
from derived v
