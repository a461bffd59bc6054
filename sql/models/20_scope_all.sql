-- Everyone is in scope: for a first load or a rebuild, where finding out who is
-- touched costs more than looking at all.
create or replace temp table scope as
select recip from person;
