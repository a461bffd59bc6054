-- Rows that left one place and stand in another: keys that are gone here and
-- there in the newer release, or new here and there in the older one.
with k as materialized (
  select registry, vax_event_id, kind from read_parquet({keys}) where kind in ('added', 'removed')
), moved as materialized (
  select registry, vax_event_id from read_parquet({b_all}) where visible_because <> 'administration'
    and (registry, vax_event_id) in (select (registry, vax_event_id) from k where kind = 'removed')
  union
  select registry, vax_event_id from read_parquet({a_all}) where visible_because <> 'administration'
    and (registry, vax_event_id) in (select (registry, vax_event_id) from k where kind = 'added')
), a as (
  select * from read_parquet({a_all}) semi join moved using (registry, vax_event_id) where visible_because <> 'administration'
), b as (
  select * from read_parquet({b_all}) semi join moved using (registry, vax_event_id) where visible_because <> 'administration'
)
select a.registry, a.vax_event_id, a.county as a_place, b.county as b_place,
       concat_ws(',', {row_changes}) as reported, concat_ws(',', {set_changes}) as derived
from a join b on a.registry = b.registry and a.vax_event_id = b.vax_event_id
