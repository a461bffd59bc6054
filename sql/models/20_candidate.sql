-- No pair is formed but inside a name key with two recipients: 4 % of them. An
-- id that a steward took out of its group joins by a steward's word alone: in
-- the middle of a star it would take the others with it.
drop table if exists contested;
drop table if exists contest;
drop table if exists judged;
drop table if exists outcome;
drop table if exists undone;

create or replace temp table live as
select place, recip, name_key, admin_date, lot from event
where not tombstone and name_key is not null and recip in (select recip from scope)
  and recip not in (select outsider from settled where entity = 'person' and verdict = 'different');
create or replace temp table candidate as
select l.* from live l join
  (select name_key from live group by name_key having min(recip) <> max(recip)) k on k.name_key = l.name_key;
