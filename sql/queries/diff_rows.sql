-- One row a change and place, with its cause where it can be told:
--   new report     its segment came after the older release
--   restored       its segment was known to the older release, the row was not live
--   delete         the newer release has no live version of it
--   moved county   it stands in another county's file; other is that county
--   correction     another version, with other reported cells
--   others         the same reported cells: sql/queries/changes_derived.sql
--   older release  the second release is the older one: no cause is told
-- Versions that say the same are no change.
with pair as (select * from read_parquet({pairs}))
select k.place as county, case k.kind when 'added' then 'added' when 'removed' then 'removed' else 'changed' end as change,
       case when p.a_place is not null then 'moved county'
            when {older} then 'older release'
            when k.kind = 'added' and (k.registry, k.b_segment) in (select (registry, segment) from known_a) then 'restored'
            when k.kind = 'added' then 'new report'
            when k.kind = 'removed' then 'delete'
            when coalesce(p.reported, '') <> '' then 'correction'
            else d.cause end as cause,
       case when p.a_place is null then null when k.kind = 'added' then p.a_place else p.b_place end as other,
       k.registry, k.vax_event_id, k.a_dose, k.b_dose,
       case when k.kind = 'set' then k.columns else concat_ws(',', nullif(p.reported, ''), nullif(p.derived, '')) end as columns
from read_parquet({keys}) k
left join read_parquet({why}) d on d.registry = k.registry and d.vax_event_id = k.vax_event_id
left join pair p on k.kind <> 'set' and p.registry = k.registry and p.vax_event_id = k.vax_event_id
where k.kind <> 'both' or p.reported <> '' or p.derived <> ''
