-- Persons to derive anew, as they were and as they are.
create or replace temp table due_person as
select person_id from person where recip in (select recip from scope)
union select was from moved;

delete from derived where person_id in (select person_id from due_person);
delete from derived where place in (select place from lost);
delete from dose_pair where person_id in (select person_id from due_person);
