-- The events that are not the same in two releases, over all places, by key:
-- new, gone, of another version, person or dose. {a} and {b} are the files of
-- the places that differ, {a_all} and {b_all} those of all. b_was: the newer
-- person was one in the older release too; a_is: the older one still is.
-- The joins are over hashes: what they hold in memory is eight bytes a row.
with a as (
  select registry, vax_event_id, segment, line, person_id, dose_id,
         hash(registry, vax_event_id, segment, line, person_id, dose_id) as h
  from read_parquet({a}) where visible_because <> 'administration'
), b as (
  select registry, vax_event_id, segment, line, person_id, dose_id,
         hash(registry, vax_event_id, segment, line, person_id, dose_id) as h
  from read_parquet({b}) where visible_because <> 'administration'
), gone as materialized (select * from a anti join (select h from b) using (h)),
come as materialized (select * from b anti join (select h from a) using (h)),
d as materialized (
  select coalesce(x.registry, y.registry) as registry, coalesce(x.vax_event_id, y.vax_event_id) as vax_event_id,
         x.registry is not null as in_a, y.registry is not null as in_b,
         x.person_id as a_person, y.person_id as b_person, x.dose_id as a_dose, y.dose_id as b_dose,
         x.segment is distinct from y.segment or x.line is distinct from y.line as versioned
  from gone x full join come y on x.registry = y.registry and x.vax_event_id = y.vax_event_id
), was as materialized (
  select distinct person_id from read_parquet({a_all})
  where person_id in (select b_person from d where a_person <> b_person) and visible_because <> 'administration'
), still as materialized (
  select distinct person_id from read_parquet({b_all})
  where person_id in (select a_person from d where a_person <> b_person) and visible_because <> 'administration'
)
select d.*, b_person in (select person_id from was) as b_was, a_person in (select person_id from still) as a_is
from d order by registry, vax_event_id
