-- The figures that the gate holds against its limits, by place; 'ALL' is the
-- whole. {county_day} is this release's table, {before} the last approved
-- release's (the same where there is none), {since} the place of the first row
-- after that release.
with now as (
  select county_fips as place, sum(total_doses) as doses, sum(at_least_one_dose) as people from read_parquet({county_day}) group by all
), before as (
  select county_fips as place, sum(total_doses) as doses, sum(at_least_one_dose) as people from read_parquet({before}) group by all
)
select coalesce(n.place, b.place) as place, cast(coalesce(n.doses, 0) as bigint) as doses, cast(coalesce(n.people, 0) as bigint) as people,
       cast(coalesce(b.doses, 0) as bigint) as doses_before, cast(coalesce(b.people, 0) as bigint) as people_before, cast(0 as bigint) as events
from now n full join before b using (place)
union all
select 'TOMBSTONES', count(*) filter (tombstone and place >= {since}), 0, 0, 0, count(*) filter (not tombstone) from event
