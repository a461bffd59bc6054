-- quality_county: one row a registry, county of residence (as counted) and day
-- of first report. lost_zero are events whose county came as four digits, the
-- zero of California's 06 gone. {row}: the file of 60_quality_row.sql.
select registry, case county when 0 then 'UNK' when 1 then 'OOS' else lpad(cast(county as varchar), 5, '0') end as county, day,
       count(*) as events, count(*) filter (lost_zero) as lost_zero
from {row} where not tombstone
group by all
order by all
