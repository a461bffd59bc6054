-- quality_day: one row a registry, sender and day of report: what was reported
-- then for the first time and still holds, deletes and refusals of that day
-- beside it. Counts only, so that days and senders add up; p50 and p90 are the
-- day's own. Completeness counts cells that say something: UNK, POL and
-- Redacted don't. Timeliness leaves out historical doses and dates without a
-- day. {entries} are (file, sequence, registry, source time) of the segments,
-- {rejects} (file, registry, source time), {vaccines} (cvx, first day, last day)
-- of usual use. Domain: AIRA, measures by source and day.
with entry(file, seq) as (values {entries}),
sent as (
  select e.seq::bigint * 4294967296 + l.file_row_number as place, coalesce(l.sender_id, l.vtrcks_prov_pin, l.responsible_org, '') as sender,
         l.* exclude (file_row_number, filename, sender_id, responsible_org)
  from (select file_row_number, filename, sender_id, vtrcks_prov_pin, responsible_org, recip_dob, recip_sex, recip_race_1, recip_ethnicity,
               recip_address_street, recip_address_zip, recip_address_county, recip_phone, recip_email, lot_number, ndc, mvx, vax_admin_site, vax_route,
               admin_address_street, county_method, admin_date_precision, recip_race_eth
        from read_parquet({lake}, filename = true, file_row_number = true)) l
  join entry e on e.file = l.filename
), used(cvx, first_day, last_day) as (values {vaccines}),
live as (
  select v.registry, s.*, make_timestamp(v.born)::date as day, v.admin_date, v.historical, v.county = 0 as unknown_county,
         d.dose_id is not null and not d.is_primary as duplicate, s.admin_date_precision = 'day' as dated,
         case when v.historical is distinct from true and s.admin_date_precision = 'day'
              then cast(least(greatest(make_timestamp(v.born)::date - v.admin_date, -1), 9999) as smallint) end as lag,
         v.admin_date < u.first_day or v.admin_date > u.last_day as out_of_use
  from event v
  join sent s on s.place = v.place
  left join derived d on d.place = v.place
  left join used u on u.cvx = v.cvx
  where not v.tombstone
), figure as (
  select registry, sender, day, count(*) as events, count(*) filter (historical) as historical,
    count(recip_dob) as with_dob, count(*) filter (recip_sex in ('M', 'F')) as with_sex,
    count(*) filter (recip_race_1 not in ('UNK', 'POL', 'PHC1175')) as with_race,
    count(*) filter (recip_ethnicity not in ('UNK', 'POL', 'PHC1175')) as with_ethnicity,
    count(*) filter (recip_address_street <> 'Redacted') as with_street, count(recip_address_zip) as with_zip,
    count(recip_address_county) as with_county, count(recip_phone) as with_phone, count(recip_email) as with_email, count(lot_number) as with_lot,
    count(ndc) as with_ndc, count(mvx) as with_mvx, count(vax_admin_site) as with_site, count(vax_route) as with_route,
    count(vtrcks_prov_pin) as with_pin, count(admin_address_street) as with_admin_address,
    count(*) filter (not regexp_full_match(ndc, '[0-9-]{10,13}')) as ndc_invalid,
    count(*) filter (not regexp_full_match(ndc, '[0-9-]{10,13}') and length(ndc) between 4 and 12 and regexp_matches(ndc, '[0-9]')) as lot_in_ndc,
    count(*) filter (county_method <> 'reported') as county_derived, count(*) filter (unknown_county) as county_unknown,
    count(*) filter (duplicate) as duplicates,
    count(lag) as timed, count(*) filter (lag <= 1) as within_1, count(*) filter (lag <= 3) as within_3, count(*) filter (lag <= 7) as within_7,
    count(*) filter (lag <= 14) as within_14, count(*) filter (lag <= 30) as within_30,
    quantile_disc(lag, [0.5, 0.9]) as q,
    count(*) filter (recip_race_eth = 'Latino') as latino, count(*) filter (recip_race_eth = 'Other Race') as other_race,
    count(*) filter (recip_race_eth = 'White') as white, count(*) filter (recip_race_eth = 'Asian') as asian,
    count(*) filter (recip_race_eth = 'Black or African American') as black,
    count(*) filter (recip_race_eth is null or recip_race_eth = 'Unknown') as race_unknown,
    count(*) filter (dated) as dated, count(*) filter (dated and day(admin_date) > 12) as after_12, count(*) filter (dated and day(admin_date) = 1) as on_first,
    count(*) filter (out_of_use) as out_of_use, count(*) filter (recip_dob > admin_date) as before_birth, count(*) filter (lag < 0) as in_future
  from live group by all
), other as (
  select v.registry, s.sender, make_timestamp(v.source_time)::date as day, 0 as rejects, 0 as rejected_dates, count(*) as deletes
  from event v join sent s on s.place = v.place where v.tombstone group by all
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
       coalesce(columns(f.* exclude (registry, sender, day, events, q)), 0), f.q[1] as p50_days, f.q[2] as p90_days
from figure f full join beside b using (registry, sender, day)
order by registry, sender, day
