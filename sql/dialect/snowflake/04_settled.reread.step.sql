-- Loop body: run until `changed` is 0.
create or replace temp table reread_next as
select distinct b as event_key from near_arc where a in (select event_key from reread) and b not in (select event_key from reread);
insert into reread select event_key from reread_next;
select count(*) as changed from reread_next;
