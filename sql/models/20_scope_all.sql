-- Everyone is in scope: for a first load or a rebuild, where finding out who is
-- touched costs more than looking at all.
create or replace temp table scope as
select recip from person
union select recip from tied
union select a from settled where entity = 'person' and verdict = 'same'
union select b from settled where entity = 'person' and verdict = 'same';
