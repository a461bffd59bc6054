-- Dose order and CDPH's "fully vaccinated" for scope_person. Ties are broken
-- by what the registries said, never by arrival.

-- MIROW: administered survives historical, a specific product an unspecified
-- one, a lot none, the fuller row the emptier, the older the newer.
create or replace temp table duplicate as
select event_key from (
  select l.event_key, row_number() over (partition by l.dose_id order by coalesce(d.historical, false), d.class = 'unspecified', d.lot is null,
                                         d.filled desc, d.born, d.event_key) as n
  from dose_label l join dose d on d.event_key = l.event_key) r where n > 1;

drop table if exists pair;
drop table if exists weighed;
drop table if exists ruled;
create or replace temp table fact as
select d.place, d.event_key, d.born, d.person_id, d.admin_date, d.product, d.formula, d.dose_num, d.county, d.city, d.admin_county,
       d.age_group, d.race_eth, d.hpi_quartile, l.dose_id, d.countable and u.event_key is null as is_primary
from dose d left join dose_label l on l.event_key = d.event_key left join duplicate u on u.event_key = d.event_key;

drop table if exists dose;
create or replace temp table first_of as
select person_id, min(case when product = 1 then admin_date end) as p1, min(case when product = 2 then admin_date end) as m1,
       min(case when product = 1 and formula < 2 then admin_date end) as p0, min(case when product = 2 and formula < 2 then admin_date end) as m0
from fact where is_primary group by person_id;

-- CDPH data dictionary, fully_vaccinated: one Janssen; two Pfizer 17 days
-- apart; two Moderna 24; a mix 17. Updated doses (2023-24 and later) alone
-- complete nothing (CHHS note of 2023), so the partner of one is none.
create or replace temp table series as
select d.person_id, least(
    min(case when product = 3 then admin_date end),
    min(case when product = 1 and admin_date >= p + 17 then admin_date end),
    min(case when product = 2 and admin_date >= m + 24 then admin_date end),
    min(case when product = 2 and admin_date >= p + 17 then admin_date end),
    min(case when product = 1 and admin_date >= m + 17 then admin_date end)) as full_date
from (select f.person_id, f.product, f.admin_date, case when f.formula < 2 then p1 else p0 end as p, case when f.formula < 2 then m1 else m0 end as m
      from fact f join first_of o on o.person_id = f.person_id
      where f.is_primary) d
group by d.person_id;

create or replace temp table in_order as
select * exclude (event_key, born, is_primary),
       row_number() over w as dose_ordinal, lag(admin_date) over w as before_date, lag(product) over w as before_product
from fact where is_primary
window w as (partition by person_id order by admin_date, born, event_key);

-- Minimum intervals (CDSi supporting data, COVID-19): an updated dose 8 weeks
-- after the last; two Pfizer or two Novavax 21 days, all else 28. Four days of
-- grace from 2021-10-25; before that no early dose was invalid.
insert into derived
select d.place, d.person_id, d.dose_id, true, d.dose_ordinal, date_diff('day', d.before_date, d.admin_date),
       case when d.before_date is null then null when d.admin_date < date '2021-10-25' then true
            else date_diff('day', d.before_date, d.admin_date) >=
                 case when d.formula > 0 then 56 when d.product in (1, 4) and d.before_product = d.product and d.dose_ordinal = 2 then 21 else 28 end - 4 end,
       s.full_date, d.admin_date, d.county, d.city, d.admin_county, d.product, d.formula, d.dose_num, d.age_group, d.race_eth, d.hpi_quartile
from in_order d left join series s on s.person_id = d.person_id
union all
select d.place, d.person_id, d.dose_id, false, null, null, null, s.full_date, d.admin_date, d.county, d.city, d.admin_county,
       d.product, d.formula, d.dose_num, d.age_group, d.race_eth, d.hpi_quartile
from fact d left join series s on s.person_id = d.person_id
where not d.is_primary;

drop table if exists fact;
drop table if exists in_order;
drop table if exists series;
drop table if exists first_of;
drop table if exists duplicate;
drop table if exists same;
drop table if exists dose_label;
drop table if exists dose_label_next;
drop table if exists close_person;
drop table if exists scope_person;
drop table if exists scope_member;
