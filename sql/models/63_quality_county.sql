-- quality_county: one row a registry, county of residence (as counted) and day
-- of first report. lost_zero are events whose county came as four digits, the
-- zero of California's 06 gone. {row}: the files of 60_quality_row.sql.
select registry, case county when 0 then 'UNK' when 1 then 'OOS' else lpad(cast(county as varchar), 5, '0') end as county, day,
       count(*) as events, count(*) filter (says & {lost_zero} <> 0) as lost_zero
from {row} where not tombstone
group by all
order by all
