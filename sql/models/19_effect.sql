-- One row a segment applied: what it did.
insert into applied
select s.seq,
       coalesce(a.rows_live, 0) - coalesce(o.live, 0) + coalesce(o.adds, 0),
       coalesce(o.updates, 0),
       coalesce(a.rows_dead, 0) - coalesce(o.dead, 0) + coalesce(o.deletes, 0),
       coalesce(o.unchanged, 0)
from segment_in s
left join (select place // 4294967296 as seq, count(*) filter (not tombstone) as rows_live, count(*) filter (tombstone) as rows_dead
           from incoming where fresh group by all) a on a.seq = s.seq
left join (select seq, count(*) filter (not tombstone) as live, count(*) filter (tombstone) as dead,
                  count(*) filter (effect = 'add') as adds, count(*) filter (effect = 'update') as updates,
                  count(*) filter (effect = 'delete') as deletes, count(*) filter (effect = 'unchanged') as unchanged
           from outcome group by seq) o on o.seq = s.seq
where s.fresh;
