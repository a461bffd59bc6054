-- Which events are one dose: candidates inside a person and 23 days (AIRA
-- MIROW date window), or at any distance by a steward; rules first, then votes
-- and weights (docs/MATCHING.md).
create or replace temp table dose as
select e.place, e.event_key, e.born, p.person_id, e.admin_date,
       case e.coarse when 1 then last_day(e.admin_date) when 2 then make_date(year(e.admin_date), 12, 31) end as no_later, -- where the day is not known
       e.lot, e.org, e.cvx,
       cast(coalesce(d.product, 0) as smallint) as product, coalesce(d.class, 'other') as class,
       e.historical, e.filled,
       e.countable and d.class is distinct from 'other' as countable, -- a code that nobody knows yet may be a COVID-19 vaccine
       cast(e.formula as smallint) as formula, cast(least(e.dose_num, 99) as smallint) as dose_num, cast(e.county as smallint) as county,
       cast(e.city as smallint) as city, cast(e.admin_county as smallint) as admin_county, cast(e.age_group as smallint) as age_group,
       cast(e.race_eth as smallint) as race_eth, cast(e.hpi_quartile as smallint) as hpi_quartile
from event e join scope_member p on p.recip = e.recip
left join product d on d.cvx = e.cvx
where not e.tombstone;

create or replace temp table close_person as
select distinct person_id from
  (select person_id, admin_date, lag(greatest(admin_date + 23, no_later)) over (partition by person_id order by admin_date, no_later) as until
   from dose where countable) g where admin_date <= until
union
select d.person_id from dose d join settled s on s.entity = 'dose' and s.verdict = 'same' and d.event_key in (s.a, s.b);

create or replace temp table pair as
select a.person_id, a.event_key as a, b.event_key as b, date_diff('day', a.admin_date, b.admin_date) as gap,
       a.lot = b.lot as lot, a.org = b.org as org,
       case when a.class = 'unspecified' or b.class = 'unspecified' then null else a.cvx = b.cvx end as cvx,
       case when a.product = 0 or b.product = 0 then null else a.product = b.product end as product,
       a.historical as h1, b.historical as h2, coalesce(b.admin_date <= a.no_later, false) as inside
from dose a join dose b on b.person_id = a.person_id
left join settled s on s.entity = 'dose' and s.verdict = 'same' and s.a = least(a.event_key, b.event_key) and s.b = greatest(a.event_key, b.event_key)
where a.countable and b.countable and a.person_id in (select person_id from close_person)
  and (b.admin_date between a.admin_date and greatest(a.admin_date + 23, a.no_later) or s.verdict is not null)
  and (b.admin_date > a.admin_date or (b.admin_date = a.admin_date and (b.born > a.born or (b.born = a.born and b.event_key > a.event_key))));

create or replace temp table weighed as
select p.*,
  (case when h1 and h2 then 15 when not h1 and not h2 then -7 when h1 is null or h2 is null then 15 else 60 end
   + case when lot then 45 when not lot then -25 else 25 end
   + case when cvx then 50 when not cvx then 5 else 15 end
   + case when product then 35 when not product then -5 else 20 end
   + case when org then 25 when not org then 10 else 15 end
   + case gap when 0 then 80 when 1 then 65 when 2 then 50 when 3 then 43 when 4 then 38 when 5 then 30 else 23 end
   - 1) / 294.0 as score,
  (case when not lot then -1 else 0 end + case when gap = 0 then 1 else 0 end
   + case when cvx and product and org and not lot then 1 else 0 end
   + case when not lot and gap = 0 and org then -1 else 0 end
   + case when not h1 and not h2 and not org then -1 when h1 <> h2 and not org then 1 else 0 end) as vote
from pair p;

create or replace temp table ruled as
select w.*, case
    when s.verdict is not null or x.outsider is not null then 'steward'
    when gap >= {apart} and inside and coalesce(lot, true) and coalesce(product, true) then 'coarse_date'
    when gap >= {apart} then 'apart'
    when gap = 0 and cvx and coalesce(lot, true) and org then 'identical'
    when gap = 0 and coalesce(product, true) and coalesce(cvx, true) and not lot then 'same_day_other_lot'
    when score > 0.6 and vote >= 0 then 'score'
    when score > 0.6 then 'vote_against'
    when score >= 0.4 then 'unsure'
    else 'unlike' end as rule, coalesce(s.verdict, 'different') as decided
from weighed w
left join settled s on s.entity = 'dose' and s.a = least(w.a, w.b) and s.b = greatest(w.a, w.b)
left join (select distinct outsider from settled where entity = 'dose' and verdict = 'different') x on x.outsider in (w.a, w.b);

insert into dose_pair
select person_id, a, b, gap, score, vote, rule,
       case rule when 'steward' then decided when 'identical' then 'same' when 'same_day_other_lot' then {same_day_other_lot}
                 when 'score' then 'same' when 'vote_against' then 'review' when 'unsure' then 'review' when 'coarse_date' then 'review' else 'different' end
from ruled where rule <> 'apart';

create or replace temp table same as
select a, b from dose_pair where verdict = 'same' and person_id in (select person_id from scope_person)
union
select b, a from dose_pair where verdict = 'same' and person_id in (select person_id from scope_person);
create or replace temp table dose_label as
select d.event_key, d.event_key as dose_id, d.born from dose d where d.event_key in (select a from same);
