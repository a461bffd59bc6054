-- quality_day: one row a registry, sender and day of report: what was reported
-- then for the first time and still holds, deletes and refusals of that day
-- beside it. Counts only, so that days and senders add up; p50 and p90 are
-- exact up to 7 days, then 10, 14, 21, 30, and 31 for more. Completeness counts
-- cells that say something: UNK, POL and Redacted don't. Timeliness leaves out
-- historical doses and dates without a day. {row} are the files of
-- 60_quality_row.sql, {dob} and the like its bits, {reject_rows} the rejects,
-- {rejects} (file, registry, source time) of theirs. race_eth: 05_incoming.sql.
-- Measures: AIRA, by source and day.
with figure as (
  select registry, sender, day, count(*) as events, count(*) filter (historical) as historical,
    count(*) filter (says & {dob} <> 0) as with_dob, count(*) filter (says & {sex} <> 0) as with_sex, count(*) filter (says & {race} <> 0) as with_race,
    count(*) filter (says & {ethnicity} <> 0) as with_ethnicity, count(*) filter (says & {street} <> 0) as with_street, count(*) filter (says & {zip} <> 0) as with_zip,
    count(*) filter (says & {home_county} <> 0) as with_county, count(*) filter (says & {phone} <> 0) as with_phone, count(*) filter (says & {email} <> 0) as with_email,
    count(*) filter (says & {lot} <> 0) as with_lot, count(*) filter (says & {ndc} <> 0) as with_ndc, count(*) filter (says & {mvx} <> 0) as with_mvx,
    count(*) filter (says & {site} <> 0) as with_site, count(*) filter (says & {route} <> 0) as with_route, count(*) filter (says & {pin} <> 0) as with_pin,
    count(*) filter (says & {admin_address} <> 0) as with_admin_address, count(*) filter (says & {ndc_bad} <> 0) as ndc_invalid,
    count(*) filter (says & {ndc_lot} <> 0) as lot_in_ndc, count(*) filter (says & {derived} <> 0) as county_derived,
    count(*) filter (county = 0) as county_unknown, count(*) filter (duplicate) as duplicates, count(lag) as timed,
    count(*) filter (lag <= 0) as within_0, count(*) filter (lag <= 1) as within_1, count(*) filter (lag <= 2) as within_2,
    count(*) filter (lag <= 3) as within_3, count(*) filter (lag <= 4) as within_4, count(*) filter (lag <= 5) as within_5,
    count(*) filter (lag <= 6) as within_6, count(*) filter (lag <= 7) as within_7, count(*) filter (lag <= 10) as within_10,
    count(*) filter (lag <= 14) as within_14, count(*) filter (lag <= 21) as within_21, count(*) filter (lag <= 30) as within_30,
    count(*) filter (race_eth = 4) as latino, count(*) filter (race_eth = 8) as other_race, count(*) filter (race_eth = 7) as white,
    count(*) filter (race_eth = 2) as asian, count(*) filter (race_eth = 3) as black, count(*) filter (race_eth = 0) as race_unknown,
    count(*) filter (says & {dated} <> 0) as dated, count(*) filter (says & {dated} <> 0 and day(admin_date) > 12) as after_12,
    count(*) filter (says & {dated} <> 0 and day(admin_date) = 1) as on_first, count(*) filter (out_of_use) as out_of_use,
    count(*) filter (says & {before_birth} <> 0) as before_birth, count(*) filter (lag < 0) as in_future
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
