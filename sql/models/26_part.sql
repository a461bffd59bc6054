-- One part of the persons to derive: what follows keeps all their doses in
-- memory. A small table to join events with: left to itself, the planner
-- hashes all persons for a day's load.
create or replace temp table scope_member as
select recip, person_id from person where person_id % {parts} = {part} and {due};
create or replace temp table scope_person as
select distinct person_id from scope_member;
