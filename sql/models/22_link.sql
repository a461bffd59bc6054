-- Ids that no event has had. They join others, as crosswalks and stewards say,
-- and name nobody.
create or replace temp table unseen as
select recip from (
  select recip from tied
  union select a from settled where entity = 'person' and verdict = 'same'
  union select b from settled where entity = 'person' and verdict = 'same') said
where {in_scope} and recip not in (select recip from person where recip in (select recip from tied union all select a from settled union all select b from settled));

-- Stars to the smallest recipient, never all pairs; similar streets between
-- distinct addresses only. A placeholder name with 20,000 recipients costs
-- 0.05 CPU s this way, 3.6 pairwise.
create or replace temp table link as
select recip as a, hub as b from (select recip, min(recip) over (partition by name_key, admin_date, lot) as hub
                                  from candidate where admin_date is not null and lot is not null) s where recip <> hub
union select recip, hub from (select recip, min(recip) over (partition by name_key, phone) as hub from home where phone is not null) s where recip <> hub
union select recip, hub from (select recip, min(recip) over (partition by name_key, email) as hub from home where email is not null) s where recip <> hub
union select recip, hub from (select recip, min(recip) over (partition by name_key, zip5, street) as hub
                              from home where zip5 is not null and street is not null) s where recip <> hub
union
select x.hub, y.hub
from (select name_key, zip5, street, min(recip) as hub from home where zip5 is not null and street <> '' group by name_key, zip5, street) x
join (select name_key, zip5, street, min(recip) as hub from home where zip5 is not null and street <> '' group by name_key, zip5, street) y
  on y.name_key = x.name_key and y.zip5 = x.zip5 and y.street < x.street
where x.hub <> y.hub and levenshtein(x.street, y.street) * 2 <= greatest(length(x.street), length(y.street))
union select recip, hub from (select recip, min(recip) over (partition by tie) as hub from tied
                              where {in_scope}
                                and recip not in (select outsider from settled where entity = 'person' and verdict = 'different')) s where recip <> hub
union select a, b from settled where entity = 'person' and verdict = 'same';

create or replace temp table arc as
select a, b from link union select b, a from link;

-- A person is named by the oldest recipient, by what the registries said and
-- never by arrival. Who is linked with nobody needs no label.
create or replace temp table label as
select recip, recip as component, born from person where recip in (select a from arc) and {in_scope}
union all
select recip, recip, 9223372036854775807 from unseen where recip in (select a from arc);
