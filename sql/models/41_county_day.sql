-- county_day: the columns of California's published table of doses by county
-- (covid19vaccinesbycounty). Doses by the day given; people once, in the county
-- of their latest dose. A booster is a dose after the complete series, from
-- 2021-08-13; up to date is who had the vaccine of the season. A day
-- without a row is zero. {counties} is a list of (code, fips, label, flag).
with change as (
  select county, admin_date as day, count(*) as total, count(*) filter (product = 1) as pfizer, count(*) filter (product = 2) as moderna,
         count(*) filter (product = 3) as jj, 0 as partially, 0 as fully, 0 as one, 0 as booster, 0 as current
  from derived where is_primary group by county, admin_date
  union all
  select county, ds1, 0, 0, 0, 0, count(*) filter (full_date is null or full_date <> ds1), 0, count(*), 0, 0 from release_person group by county, ds1
  union all
  select county, full_date, 0, 0, 0, 0, 0, count(*), 0, 0, 0 from release_person where full_date is not null group by county, full_date
  union all
  select county, booster_day, 0, 0, 0, 0, 0, 0, 0, count(*), 0 from release_person where booster_day is not null group by county, booster_day
  union all
  select county, current_day, 0, 0, 0, 0, 0, 0, 0, 0, count(*) from release_person where current_day is not null group by county, current_day
), county(code, fips, label, flag) as (
  values {counties}
), labelled as (
  select c.label, c.fips, c.flag, x.* exclude (county) from change x join county c on c.code = x.county
  union all
  select 'All CA and Non-CA Counties', 'ALL', null, x.* exclude (county) from change x
  union all
  select 'All CA Counties', 'CA', null, x.* exclude (county) from change x where x.county > 1
), daily as (
  select label, fips, flag, day, sum(total) as total, sum(pfizer) as pfizer, sum(moderna) as moderna, sum(jj) as jj,
         sum(partially) as partially, sum(fully) as fully, sum(one) as one, sum(booster) as booster, sum(current) as current
  from labelled group by label, fips, flag, day
)
select label as county, fips as county_fips, day as administered_date,
       cast(total as bigint) as total_doses, cast(sum(total) over w as bigint) as cumulative_total_doses,
       cast(pfizer as bigint) as pfizer_doses, cast(sum(pfizer) over w as bigint) as cumulative_pfizer_doses,
       cast(moderna as bigint) as moderna_doses, cast(sum(moderna) over w as bigint) as cumulative_moderna_doses,
       cast(jj as bigint) as jj_doses, cast(sum(jj) over w as bigint) as cumulative_jj_doses,
       cast(partially as bigint) as partially_vaccinated,
       cast(sum(one) over w - sum(fully) over w as bigint) as total_partially_vaccinated,
       cast(fully as bigint) as fully_vaccinated, cast(sum(fully) over w as bigint) as cumulative_fully_vaccinated,
       cast(one as bigint) as at_least_one_dose, cast(sum(one) over w as bigint) as cumulative_at_least_one_dose,
       flag as california_flag,
       cast(booster as bigint) as booster_recip_count, cast(sum(booster) over w as bigint) as cumulative_booster_recip_count,
       cast(current as bigint) as up_to_date_count, cast(sum(current) over w as bigint) as cumulative_up_to_date_count
from daily
window w as (partition by label order by day)
order by label, day
