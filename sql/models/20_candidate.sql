-- No pair is formed but inside a name key with two recipients: 4 % of them. An
-- id that a steward took out of its group joins by a steward's word alone: in
-- the middle of a star it would take the others with it. Where everyone is in
-- scope ({in_scope} is true), live is a view: a table of all events is a third
-- of the file again.
create or replace temp {live} live as
select place, recip, name_key, admin_date, lot from event
where not tombstone and name_key is not null and {in_scope}
  and recip not in (select outsider from settled where entity = 'person' and verdict = 'different');
create or replace temp table shared_name as
select name_key from live group by name_key having min(recip) <> max(recip);
create or replace temp table candidate as
select * from live where name_key in (select name_key from shared_name);
drop {live} live;
drop table shared_name;
