-- Loop body: run until `changed` is 0. The longest chain bounds the rounds.
create or replace temp table label_next as
select recip, component, born from (
  select recip, component, born, was, row_number() over (partition by recip order by born, component) as n
  from (select l.recip, o.component, o.born, l.component as was
        from label l join arc on arc.a = l.recip join label o on o.recip = arc.b
        union all
        select recip, component, born, component from label) c) r
where n = 1 and component <> was;
delete from label where recip in (select recip from label_next);
insert into label select recip, component, born from label_next;
select count(*) as changed from label_next;
