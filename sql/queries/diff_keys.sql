-- The rows of one place that could differ between two releases, narrow. A row
-- that comes from the same line of the same segment has the same reported
-- cells, since a segment never changes: only what follows from the whole set
-- ({set}) needs comparing. kind: added, removed, set (only such columns
-- differ), both (another version: diff_columns.sql tells what differs).
with a as (
  select registry, vax_event_id, segment, line, {set}, count(*) over (partition by dose_id) as n from read_parquet({a}) where visible_because <> 'administration'
), b as (
  select registry, vax_event_id, segment, line, {set}, count(*) over (partition by dose_id) as n from read_parquet({b}) where visible_because <> 'administration'
)
select {place} as place, coalesce(a.registry, b.registry) as registry, coalesce(a.vax_event_id, b.vax_event_id) as vax_event_id,
       case when a.vax_event_id is null then 'added' when b.vax_event_id is null then 'removed'
            when {whole} or a.segment is distinct from b.segment or a.line is distinct from b.line then 'both' else 'set' end as kind,
       coalesce(a.is_primary, false) as a_dose, coalesce(b.is_primary, false) as b_dose, b.segment as b_segment,
       a.person_id as a_person, b.person_id as b_person, a.dose_id as a_dose_id, b.dose_id as b_dose_id, a.n as a_group, b.n as b_group,
       concat_ws(',', {set_changes}) as columns
from a full join b on a.registry = b.registry and a.vax_event_id = b.vax_event_id
where a.vax_event_id is null or b.vax_event_id is null or {whole}
   or a.segment is distinct from b.segment or a.line is distinct from b.line
   or concat_ws(',', {set_changes}) <> ''
