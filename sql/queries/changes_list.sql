-- One place's changes: what goes out of its file (old) by row, then what comes
-- in (new) by row, each with its cause. The first rule that fits decides;
-- docs/CHANGES.md tells them in words.
with pair as materialized (select * from read_parquet({pair})),
gain as materialized (select distinct b_person as person from pair where in_a and in_b and a_person <> b_person and not versioned),
loss as materialized (select distinct a_person as person from pair where in_a and in_b and a_person <> b_person and not versioned),
-- persons that got rows of two others, or a new row, under their name
joined as materialized (
  select b_person as person, count(distinct a_person) filter (a_person <> b_person) as others, bool_or(not in_a) as fresh
  from pair where in_b group by b_person
), touched as materialized (
  select a_person as person from pair where in_a union select b_person from pair where in_b
), cause as (
  select r.*, c.columns,
         case when {older} then 'older release'
              when change = 'added' and p.registry is null then 'rule changed'
              when change = 'added' and p.in_a then 'moved county'
              when change = 'added' and (r.registry, r.b_segment) in (select (registry, segment) from known_a) then 'restored'
              when change = 'added' then 'new report'
              when change = 'removed' and p.registry is null then 'rule changed'
              when change = 'removed' and p.in_b then 'moved county'
              when change = 'removed' then 'delete'
              when r.seen and r.versioned then 'moved county'
              when r.told and r.versioned then 'correction'
              when r.told or r.seen then 'rule changed'
              when not r.derived then 'reported again'
              when r.a_person <> r.b_person and (p.b_was or j.others > 1) then 'person merged'
              when r.a_person <> r.b_person and p.a_is then 'person split'
              when r.a_person <> r.b_person and j.fresh then 'person merged'
              when r.a_person <> r.b_person then 'other record'
              when r.b_person in (select person from gain) then 'person merged'
              when r.b_person in (select person from loss) then 'person split'
              when r.a_dose <> r.b_dose and r.b_group > r.a_group or r.a_primary and not r.b_primary then 'duplicate found'
              when r.a_dose <> r.b_dose or r.b_primary and not r.a_primary then 'duplicate undone'
              when r.b_person in (select person from touched) then 'other record'
              else 'rule changed' end as cause
  from read_parquet({rows}) r
  left join read_parquet({columns}) c on c.a_row = r.a_row and r.change = 'changed'
  left join pair p on p.registry = r.registry and p.vax_event_id = r.vax_event_id
  left join joined j on j.person = r.b_person
)
select 0 as side, a_row as row, change, cause, columns from cause where change <> 'added'
union all
select 1, b_row, change, cause, columns from cause where change <> 'removed'
order by 1, 2
