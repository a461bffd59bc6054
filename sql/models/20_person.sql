-- CDPH's bridge rule (data dictionary, BRIDGE_RECIP_ID): same first name, last
-- name and birth date, and one of: (a) same ZIP and similar streets or both
-- blank, (b) same dose date and lot, (c) same phone, (d) same e-mail.

create or replace temp table arrived as
select recip, min(source_time) as born from incoming group by recip;
update person set born = a.born from arrived a where a.recip = person.recip and a.born < person.born;
insert into person
select recip, born, recip, recip from arrived where recip not in (select recip from person);
