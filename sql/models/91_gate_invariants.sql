-- What must be so in every release, counted where it is not: all n must be 0.
-- The files are held against the warehouse they were made of, and the tables
-- against each other (CDPH's published table: the places add up to the totals,
-- a day's values to the cumulative ones, at least one dose = partially + fully,
-- no negatives; products need not add up to the total). That each event is in
-- one file of residence is proven by a sum over hashes of keys, and by counts. {dose_event}, {dose}
-- and {recipient} are lists of the files of all places, {home} of those
-- dose_event files that hold each event once.
with event_file as (
  select regexp_extract(filename, 'counties/([^/]+)/', 1) as place, count(*) filter (visible_because <> 'administration') as home,
         count(*) filter (visible_because = 'administration') as given
  from read_parquet({dose_event}, filename = true) group by 1
), dose_file as (
  select regexp_extract(filename, 'counties/([^/]+)/', 1) as place, count(*) filter (visible_because <> 'administration') as home,
         count(*) filter (visible_because = 'administration') as given
  from read_parquet({dose}, filename = true) group by 1
), people_file as (
  select regexp_extract(filename, 'counties/([^/]+)/', 1) as place, count(*) filter (visible_because <> 'administration') as people
  from read_parquet({recipient}, filename = true) group by 1
), grouped as (
  select county, city, admin_county, is_primary, count(*) as n from derived group by all
), sent as (
  select case county when 0 then 'UNK' when 1 then 'OOS' else '0' || county end as place, is_primary, n as home, 0 as given from grouped
  union all
  select ['berkeley', 'long-beach', 'pasadena'][city], is_primary, n, 0 from grouped where city > 0
  union all
  select '0' || admin_county, is_primary, 0, n from grouped where admin_county <> county
), event_want as (
  select place, sum(home) as home, sum(given) as given from sent group by place
), dose_want as (
  select place, sum(home) as home, sum(given) as given from sent where is_primary group by place
), moved as ( -- the warehouse knows these by their new name, the files by the one reported
  select old_registry as registry, old_id as vax_event_id from alias union select new_registry, new_id from alias
), key_file as (
  select coalesce(sum(cast(hash(registry, vax_event_id) as hugeint)), 0) as mark
  from read_parquet({home}) f anti join moved using (registry, vax_event_id) where visible_because <> 'administration'
), key_want as (
  select coalesce(sum(cast(hash(registry, vax_event_id) as hugeint)), 0) as mark
  from event e anti join moved using (registry, vax_event_id) where not tombstone
), twice as (
  select event_key from event group by event_key having count(*) > 1
), place_day as (
  select * from read_parquet({county_day})
), place_group as (
  select * from read_parquet({county_demographic_day})
), measure as (
  select county_fips, california_flag, administered_date as day,
         unnest(['doses', 'Pfizer', 'Moderna', 'J&J', 'one dose', 'fully', 'boosters', 'up to date']) as what,
         unnest([total_doses, pfizer_doses, moderna_doses, jj_doses, at_least_one_dose, fully_vaccinated, booster_recip_count, up_to_date_count]) as daily,
         unnest([cumulative_total_doses, cumulative_pfizer_doses, cumulative_moderna_doses, cumulative_jj_doses, cumulative_at_least_one_dose,
                 cumulative_fully_vaccinated, cumulative_booster_recip_count, cumulative_up_to_date_count]) as running
  from place_day
), by_group as (
  select county_fips, administered_date as day, demographic_category, sum(total_doses) as doses, sum(at_least_one_dose) as one, sum(fully_vaccinated) as fully
  from place_group group by all
), category as (
  select unnest(['Age Group', 'Race/Ethnicity', 'HPI Quartile']) as demographic_category
), by_day as (
  select county_fips, administered_date as day, demographic_category, total_doses as doses, at_least_one_dose as one, fully_vaccinated as fully
  from place_day, category where county_fips <> 'ALL' and total_doses + at_least_one_dose + fully_vaccinated > 0
)
select 'dose_event files with other rows than the warehouse has for the place' as what, count(*) as n
from event_file f full join event_want w using (place)
where coalesce(f.home, 0) <> coalesce(w.home, 0) or coalesce(f.given, 0) <> coalesce(w.given, 0)
union all
select 'dose files with other rows than the warehouse has for the place', count(*)
from dose_file f full join dose_want w using (place)
where coalesce(f.home, 0) <> coalesce(w.home, 0) or coalesce(f.given, 0) <> coalesce(w.given, 0)
union all
select 'events that are not in exactly one file of residence',
       cast(f.mark <> w.mark as integer) from key_file f, key_want w
union all
select 'keys that are twice in the warehouse', count(*)
from (select registry, vax_event_id from event where event_key in (select event_key from twice) group by all having count(*) > 1) x
union all
select 'recipient files with other people than county_day counts', count(*)
from people_file f full join (select county_fips as place, sum(at_least_one_dose) as people from place_day where california_flag is not null group by 1) w using (place)
where coalesce(f.people, 0) <> coalesce(w.people, 0) and f.place not in ('berkeley', 'long-beach', 'pasadena')
union all
select 'county_day: doses that the warehouse does not count, or too few',
       abs((select coalesce(sum(total_doses), 0) from place_day where county_fips = 'ALL') - (select count(*) from derived where is_primary))
union all
select 'county_day: places twice on a day', count(*)
from (select county_fips, administered_date from place_day group by all having count(*) > 1) x
union all
select 'county_day: days whose places do not add up to the total', count(*)
from (select day, what from measure group by all
      having coalesce(sum(daily) filter (california_flag is not null), 0) <> coalesce(sum(daily) filter (county_fips = 'ALL'), 0)
          or coalesce(sum(daily) filter (california_flag = 'California'), 0) <> coalesce(sum(daily) filter (county_fips = 'CA'), 0)) x
union all
select 'county_day: cumulative values that are not the running sum', count(*)
from (select running, sum(daily) over (partition by county_fips, what order by day) as want from measure) x where running is distinct from want
union all
select 'county_day: negative values', count(*) from measure where daily < 0
union all
select 'county_day: at least one dose is not partially + fully vaccinated', count(*)
from place_day where cumulative_at_least_one_dose <> total_partially_vaccinated + cumulative_fully_vaccinated or total_partially_vaccinated < 0
union all
select 'county_demographic_day: groups that do not add up to county_day', count(*)
from (select * from by_group where doses + one + fully > 0) g full join by_day d using (county_fips, day, demographic_category)
where g.doses is distinct from d.doses or g.one is distinct from d.one or g.fully is distinct from d.fully
union all
select 'county_demographic_day: capped coverage that is not the coverage, 9,500 at most', count(*)
from place_group
where at_least_one_per_10000_capped is distinct from case when at_least_one_per_10000 > 9500 then 9500 else at_least_one_per_10000 end
   or fully_per_10000_capped is distinct from case when fully_per_10000 > 9500 then 9500 else fully_per_10000 end
