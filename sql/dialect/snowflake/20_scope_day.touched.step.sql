-- Loop body: run until `changed` is 0.
create or replace temp table touched_next as
select distinct b as recip from touched_arc where a in (select recip from touched) and b not in (select recip from touched);
insert into touched select recip from touched_next;
select count(*) as changed from touched_next;
