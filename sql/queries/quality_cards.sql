-- Scorecards: the counts of quality_day added up. p50 and p90 are made of the
-- sums again.
select registry, {sender} as sender, {day} as day,
       cast(sum(columns(* exclude (registry, sender, day, p50_days, p90_days))) as bigint)
from quality_day where {where}
group by all
order by all
