-- Why rows changed whose own record did not: {candidates} are rows that both
-- releases have, with the person, the dose, whether it counts, and how many
-- rows of its file are that dose, in either. The first rule that fits decides;
-- docs/CHANGES.md tells them in words.
with pair as materialized (select * from read_parquet({pair})),
gain as materialized (select distinct b_person as person from pair where in_a and in_b and a_person <> b_person and not versioned),
loss as materialized (select distinct a_person as person from pair where in_a and in_b and a_person <> b_person and not versioned),
-- persons that got rows of others, or a new row, under their name
joined as materialized (
  select b_person as person, count(distinct a_person) filter (a_person <> b_person) as others, bool_or(not in_a) as fresh
  from pair where in_b group by b_person
), touched as materialized (
  select a_person as person from pair where in_a union select b_person from pair where in_b
)
select r.registry, r.vax_event_id,
       case when r.a_person <> r.b_person and (p.b_was or j.others > 1) then 'person merged'
            when r.a_person <> r.b_person and p.a_is then 'person split'
            when r.a_person <> r.b_person and j.fresh then 'person merged'
            when r.a_person <> r.b_person then 'other record'
            when r.b_person in (select person from gain) then 'person merged'
            when r.b_person in (select person from loss) then 'person split'
            when r.a_dose <> r.b_dose and r.b_group > r.a_group or r.a_primary and not r.b_primary then 'duplicate found'
            when r.a_dose <> r.b_dose or r.b_primary and not r.a_primary then 'duplicate undone'
            when r.b_person in (select person from touched) then 'other record'
            else 'rule changed' end as cause
from ({candidates}) r
left join pair p on p.registry = r.registry and p.vax_event_id = r.vax_event_id
left join joined j on j.person = r.b_person
