-- The rows of one place's file that are not the same in two releases, with
-- their row numbers in the two files, and what kind of columns differ: told
-- ({row}: what was reported, and what follows from the row alone), derived
-- ({set}: what follows from the whole set), seen (why the row stands here).
-- Neither: only where it came from. a_group and b_group are the rows of the
-- same dose in this file. Hashes stand for the cells.
with a as (
  select registry, vax_event_id, file_row_number as at, segment, line, person_id, dose_id, is_primary, visible_because,
         hash({row}) as told, hash({set}) as derived, reported_at, count(*) over (partition by dose_id) as n
  from read_parquet({a}, file_row_number = true)
), b as (
  select registry, vax_event_id, file_row_number as at, segment, line, person_id, dose_id, is_primary, visible_because,
         hash({row}) as told, hash({set}) as derived, reported_at, count(*) over (partition by dose_id) as n
  from read_parquet({b}, file_row_number = true)
)
select coalesce(a.registry, b.registry) as registry, coalesce(a.vax_event_id, b.vax_event_id) as vax_event_id,
       case when a.at is null then 'added' when b.at is null then 'removed' else 'changed' end as change,
       a.at as a_row, b.at as b_row, a.person_id as a_person, b.person_id as b_person, a.dose_id as a_dose, b.dose_id as b_dose,
       a.is_primary as a_primary, b.is_primary as b_primary, a.n as a_group, b.n as b_group, b.segment as b_segment,
       a.segment is distinct from b.segment or a.line is distinct from b.line as versioned,
       a.told <> b.told as told, a.derived <> b.derived as derived, a.visible_because <> b.visible_because as seen
from a full join b on a.registry = b.registry and a.vax_event_id = b.vax_event_id
where a.at is null or b.at is null or a.told <> b.told or a.derived <> b.derived or a.visible_because <> b.visible_because
   or a.segment is distinct from b.segment or a.line is distinct from b.line or a.reported_at is distinct from b.reported_at
