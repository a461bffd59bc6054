-- What the store knows that could make our figure of a place and day differ
-- from one published with data through {through}. Doses that we count more:
--   late            first reported after that day
--   county changed  came to this county with a later version
--   day changed     came to this day with a later version
--   county found    the county was taken from the ZIP or from the place of
--                   administration, where others may say Unknown
-- and doses that we count less:
--   deleted         a dose that the registry took back
--   county changed, day changed   left this county or day with a later version
--   county unknown  given in this county, to somebody who counts as Unknown or,
--                   for want of a state, as outside California
with late as (
  select registry, vax_event_id, county, admin_date from dose where reported_at >= cast('{through}' as date) + interval 1 day
), news as (
  select * from late where (registry, vax_event_id) not in
    (select (registry, vax_event_id) from version where not tombstone and reported_at < cast('{through}' as date) + interval 1 day)
), gone as (
  select registry, vax_event_id, arg_max(county, reported_at) as county, arg_max(admin_date, reported_at) as day
  from version
  where not tombstone and countable
    and (registry, vax_event_id) in (select (registry, vax_event_id) from version where tombstone)
    and (registry, vax_event_id) not in (select (registry, vax_event_id) from dose_event)
  group by registry, vax_event_id
), newer as (
  select e.* from dose_event e join segment s on s.segment = e.segment and s.registry = e.registry where s.updates > 0
), moved as (
  select distinct v.registry, v.vax_event_id, v.county as was, v.admin_date as was_day, n.county as is_now, n.admin_date as now_day,
         case when v.county <> n.county then 'county changed' else 'day changed' end as cause
  from version v join newer n on n.registry = v.registry and n.vax_event_id = v.vax_event_id
  where not v.tombstone and v.countable and v.segment <> n.segment and (v.county <> n.county or v.admin_date <> n.admin_date)
)
select place, cast(day - date '1970-01-01' as integer), cause, more, count(*)
from (
  select county as place, admin_date as day, 'late' as cause, true as more from news
  union all
  select county, admin_date, 'county found', true from dose where county_method in ('zip', 'admin')
  union all
  select admin_county, admin_date, 'county unknown', false from dose
  where admin_county is not null and (county = 'UNK' or county = 'OOS' and coalesce(recip_address_state, '') = '')
  union all
  select county, day, 'deleted', false from gone
  union all
  select was, was_day, cause, false from moved
  union all
  select is_now, now_day, cause, true from (select distinct registry, vax_event_id, is_now, now_day, cause from moved)
) x
where place is not null and day <= cast('{through}' as date)
group by all
order by all
