-- What crosswalks say of an event's id and of all that they connect with it, in
-- the order in which it arrived: of each old id the last word.
with recursive word as (
  select * from (select *, row_number() over (partition by old_registry, old_id order by place desc) as n from alias where entity = 'event') r where n = 1
), near as (
  select cast(?1 as bigint) as k
  union
  select case when a.old_key = n.k then a.new_key else a.old_key end
  from near n join word a on a.old_key = n.k or a.new_key = n.k
)
select old_registry, old_id, old_key, new_registry, new_id, new_key from word
where old_key in (select k from near)
order by place;
