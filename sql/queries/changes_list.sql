-- One place's changes: what goes out of its file (old) by row, then what comes
-- in (new) by row, each with its cause. The first rule that fits decides;
-- docs/CHANGES.md tells them in words.
with cause as (
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
              else d.cause end as cause
  from read_parquet({rows}) r
  left join read_parquet({columns}) c on c.a_row = r.a_row and r.change = 'changed'
  left join read_parquet({pair}) p on p.registry = r.registry and p.vax_event_id = r.vax_event_id
  left join read_parquet({why}) d on d.registry = r.registry and d.vax_event_id = r.vax_event_id
)
select 0 as side, a_row as row, change, cause, columns, b_row as other from cause where change <> 'added'
union all
select 1, b_row, change, cause, columns, a_row from cause where change <> 'removed'
order by 1, 2
