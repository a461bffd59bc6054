-- quality_day: one row a registry, sender and day of report: what was reported
-- then for the first time and still holds, deletes and refusals of that day
-- beside it. Counts only, so that days and senders add up; p50 and
-- p90 are exact up to 7 days, then 10, 14, 21, 30, and 31 for more. Completeness counts cells that say something: UNK, POL and
-- Redacted don't. Timeliness leaves out historical doses and dates without a
-- day. {row} is the file of 60_quality_row.sql, {reject_rows} the rejects,
-- {rejects} (file, registry, source time) of theirs. Measures: AIRA, by source
-- and day.
with figure as (
  select registry, sender, day, count(*) as events, count(*) filter (historical) as historical,
    count(*) filter (dob) as with_dob, count(*) filter (sex) as with_sex, count(*) filter (race) as with_race,
    count(*) filter (ethnicity) as with_ethnicity, count(*) filter (street) as with_street, count(*) filter (zip) as with_zip,
    count(*) filter (home_county) as with_county, count(*) filter (phone) as with_phone, count(*) filter (email) as with_email,
    count(*) filter (lot) as with_lot, count(*) filter (ndc) as with_ndc, count(*) filter (mvx) as with_mvx, count(*) filter (site) as with_site,
    count(*) filter (route) as with_route, count(*) filter (pin) as with_pin, count(*) filter (admin_address) as with_admin_address,
    count(*) filter (ndc_bad) as ndc_invalid, count(*) filter (ndc_lot) as lot_in_ndc,
    count(*) filter (derived) as county_derived, count(*) filter (county = 0) as county_unknown, count(*) filter (duplicate) as duplicates,
    count(lag) as timed, count(*) filter (lag <= 0) as within_0, count(*) filter (lag <= 1) as within_1, count(*) filter (lag <= 2) as within_2,
    count(*) filter (lag <= 3) as within_3, count(*) filter (lag <= 4) as within_4, count(*) filter (lag <= 5) as within_5,
    count(*) filter (lag <= 6) as within_6, count(*) filter (lag <= 7) as within_7, count(*) filter (lag <= 10) as within_10,
    count(*) filter (lag <= 14) as within_14, count(*) filter (lag <= 21) as within_21, count(*) filter (lag <= 30) as within_30,
    count(*) filter (recip_race_eth = 'Latino') as latino, count(*) filter (recip_race_eth = 'Other Race') as other_race,
    count(*) filter (recip_race_eth = 'White') as white, count(*) filter (recip_race_eth = 'Asian') as asian,
    count(*) filter (recip_race_eth = 'Black or African American') as black,
    count(*) filter (recip_race_eth is null or recip_race_eth = 'Unknown') as race_unknown,
    count(*) filter (dated) as dated, count(*) filter (dated and day(admin_date) > 12) as after_12, count(*) filter (dated and day(admin_date) = 1) as on_first,
    count(*) filter (out_of_use) as out_of_use, count(*) filter (before_birth) as before_birth, count(*) filter (lag < 0) as in_future
  from {row} where not tombstone group by all
), other as (
  select registry, sender, day, 0 as rejects, 0 as rejected_dates, count(*) as deletes from {row} where tombstone group by all
  union all
  select r.registry, coalesce(x.sender, ''), make_timestamp(r.source_time)::date, count(*), count(*) filter (x.field = 'admin_date'), 0
  from {reject_rows} x join (values {rejects}) r(file, registry, source_time) on r.file = x.filename group by all
), beside as (
  select registry, sender, day, cast(sum(rejects) as bigint) as rejects, cast(sum(rejected_dates) as bigint) as rejected_dates,
         cast(sum(deletes) as bigint) as deletes
  from other group by all
)
select registry, sender, day, coalesce(b.rejects, 0) as rejects, coalesce(b.rejected_dates, 0) as rejected_dates, coalesce(b.deletes, 0) as deletes,
       coalesce(f.events, 0) as events,
       coalesce(columns(f.* exclude (registry, sender, day, events)), 0),
       case when timed = 0 then null when 2 * within_0 >= 1 * timed then 0 when 2 * within_1 >= 1 * timed then 1 when 2 * within_2 >= 1 * timed then 2 when 2 * within_3 >= 1 * timed then 3 when 2 * within_4 >= 1 * timed then 4 when 2 * within_5 >= 1 * timed then 5 when 2 * within_6 >= 1 * timed then 6 when 2 * within_7 >= 1 * timed then 7 when 2 * within_10 >= 1 * timed then 10 when 2 * within_14 >= 1 * timed then 14 when 2 * within_21 >= 1 * timed then 21 when 2 * within_30 >= 1 * timed then 30 else 31 end as p50_days,
       case when timed = 0 then null when 10 * within_0 >= 9 * timed then 0 when 10 * within_1 >= 9 * timed then 1 when 10 * within_2 >= 9 * timed then 2 when 10 * within_3 >= 9 * timed then 3 when 10 * within_4 >= 9 * timed then 4 when 10 * within_5 >= 9 * timed then 5 when 10 * within_6 >= 9 * timed then 6 when 10 * within_7 >= 9 * timed then 7 when 10 * within_10 >= 9 * timed then 10 when 10 * within_14 >= 9 * timed then 14 when 10 * within_21 >= 9 * timed then 21 when 10 * within_30 >= 9 * timed then 30 else 31 end as p90_days
from figure f full join beside b using (registry, sender, day)
order by registry, sender, day
