-- Dose order and CDPH's "fully vaccinated" for the recipients that changed.
-- Ties are broken by what the registries said, never by arrival.
create or replace temp table touched as
select distinct recip from (
  select recip from lost
  union all
  select recip from event where place >= {first_place}
  union all
  select recip from event where event_key in (select event_key from retimed_key)
  union all -- known for longer now, which breaks ties
  select recip from judged where prior and v = versions and first_born < born) t;

delete from derived where person_id in (select recip from touched);

create or replace temp table dose as
select e.place, e.recip as person_id, e.admin_date, e.born, e.event_key, coalesce(p.product, 0) as product, e.countable as is_primary
from event e left join product p on p.cvx = e.cvx
where not e.tombstone and e.recip in (select recip from touched);

create or replace temp table first_of as
select person_id, min(case when product = 1 then admin_date end) as p1, min(case when product = 2 then admin_date end) as m1
from dose where is_primary group by person_id;

-- CDPH data dictionary, fully_vaccinated: one Janssen; two Pfizer 17 days
-- apart; two Moderna 24; a mix 17.
create or replace temp table series as
select d.person_id, least(
    min(case when product = 3 then admin_date end),
    min(case when product = 1 and admin_date >= p1 + 17 then admin_date end),
    min(case when product = 2 and admin_date >= m1 + 24 then admin_date end),
    min(case when product = 2 and admin_date >= p1 + 17 then admin_date end),
    min(case when product = 1 and admin_date >= m1 + 17 then admin_date end)) as full_date
from dose d join first_of f on f.person_id = d.person_id
where d.is_primary group by d.person_id;

insert into derived
select d.place, d.person_id, d.is_primary,
       case when d.is_primary then row_number() over (partition by d.person_id, d.is_primary order by d.admin_date, d.born, d.event_key) end,
       s.full_date
from dose d left join series s on s.person_id = d.person_id;
