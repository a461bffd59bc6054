-- Which columns differ between the versions of one place's rows. {n} and {i}
-- cut large places into slices that fit into memory.
with k as materialized (
  select registry, vax_event_id from read_parquet({keys}) where kind = 'both' and hash(vax_event_id) % {n} = {i}
), a as (
  select * from read_parquet({a}) semi join k using (registry, vax_event_id) where visible_because <> 'administration'
), b as (
  select * from read_parquet({b}) semi join k using (registry, vax_event_id) where visible_because <> 'administration'
)
select a.registry, a.vax_event_id, cast(null as varchar) as a_place, cast(null as varchar) as b_place,
       concat_ws(',', {row_changes}) as reported, concat_ws(',', {set_changes}) as derived
from a join b on a.registry = b.registry and a.vax_event_id = b.vax_event_id
