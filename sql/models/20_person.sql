-- CDPH's bridge rule (data dictionary, BRIDGE_RECIP_ID): same first name, last
-- name and birth date, and one of: (a) same ZIP and similar streets or both
-- blank, (b) same dose date and lot, (c) same phone, (d) same e-mail.

create or replace temp table arrived as
select recip, min(source_time) as born from incoming group by recip;
update person set born = a.born from arrived a where a.recip = person.recip and a.born < person.born;
insert into person
select recip, born, recip, recip from arrived where recip not in (select recip from person);

-- Whose answer may change: who is touched, those joined with them, everyone
-- who shares a name key with these, and those joined with them in turn.
create or replace temp table touched as
select recip from lost
union select recip from absent
union select recip from event where place >= {first_place}
union select recip from event where event_key in (select event_key from reread)
union select recip from redecided;
create or replace temp table member as
select recip from touched
union select recip from person where component in (select component from person where recip in (select recip from touched));
create or replace temp table mate as
select distinct recip from event where name_key in
  (select name_key from event where recip in (select recip from member) and name_key is not null);
create or replace temp table scope as
select recip from member
union select recip from mate
union select recip from person where component in (select component from person where recip in (select recip from mate));

-- No pair is formed but inside a name key with two recipients: 4 % of them.
create or replace temp table live as
select place, recip, name_key, admin_date, lot from event
where not tombstone and name_key is not null and recip in (select recip from scope);
create or replace temp table candidate as
select l.* from live l join
  (select name_key from live group by name_key having min(recip) <> max(recip)) k on k.name_key = l.name_key;
