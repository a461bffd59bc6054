-- Which version of each event counts: the last by (source_time, place), where
-- a replay of a refused record has the place that the record would have had. One
-- text for a first load and for a day's payloads; many segments at once give
-- what one after the other gives, because the order is total.

-- What stands under keys that are decided anew, for the recipients it touches.
create or replace temp table undone as
select * from event where event_key in (select event_key from reread);
delete from event where event_key in (select event_key from reread);
delete from superseded where event_key in (select event_key from reread);

-- Keys that may come twice. 63-bit keys only choose candidates: a false
-- friend costs time, never an answer.
create or replace temp table contested as
select event_key from incoming group by event_key having count(*) > 1
union
select event_key from event where event_key in (select event_key from incoming);

create or replace temp table contest as
select c.*, coalesce(r.turn, 2 * c.place) as turn, coalesce(r.root_line, 0) as root_line
from (select i.* exclude (fresh), i.source_time as born, i.fresh, false as prior
      from incoming i where event_key in (select event_key from contested)
      union all by name
      select e.*, 'A' as action, false as fresh, true as prior
      from event e where event_key in (select event_key from contested)) c
left join replayed_row r on r.place = c.place;

-- v: the version's number by what it knows; best: the best version that the
-- ledger held before this one.
create or replace temp table judged as
select r.*, max(v) over (partition by registry, vax_event_id order by place rows between unbounded preceding and 1 preceding) as best
from (select c.*, row_number() over (partition by registry, vax_event_id order by source_time, turn, root_line, place) as v,
             count(*) over (partition by registry, vax_event_id) as versions,
             min(born) over (partition by registry, vax_event_id) as first_born
      from contest c) r;

-- What each arriving row did, as if its segment had been applied alone.
create or replace temp table outcome as
select j.place, j.place // 4294967296 as seq, j.action, j.tombstone, b.tombstone as was_tombstone,
       case when j.best is null then case when j.tombstone then 'delete' else 'add' end
            when j.v < j.best then 'unchanged'
            when j.tombstone then case when b.tombstone then 'unchanged' else 'delete' end
            when b.tombstone then 'add'
            when b.content = j.content then 'unchanged'
            else 'update' end as effect
from judged j left join judged b
  on b.registry = j.registry and b.vax_event_id = j.vax_event_id and b.v = j.best
where j.fresh;

insert into event_issue
select place, case when effect = 'delete' then 'DELETE_OF_UNKNOWN' when action = 'U' and was_tombstone is null then 'UPDATE_OF_UNKNOWN'
                   when effect = 'update' then 'ADD_OF_KNOWN' else 'REVIVED' end
from outcome
where (effect = 'delete' and was_tombstone is null) or (effect = 'add' and (was_tombstone or action = 'U'))
   or (effect = 'update' and action = 'A');

insert into event_issue
select place, case when tombstone then 'DELETE_OF_UNKNOWN' else 'UPDATE_OF_UNKNOWN' end
from incoming
where fresh and (tombstone or action = 'U') and event_key not in (select event_key from contested);

create or replace temp table gone as
select place, recip from judged where prior and v < versions
union all
select place, recip from undone;
insert into lost select place, recip from gone;

insert into superseded
select event_key, place, source_time from judged where v < versions;

update event set born = j.first_born
from judged j
where j.prior and j.v = j.versions and j.first_born < j.born and event.place = j.place;

delete from event where place in (select place from gone);

insert into event by name
select * exclude (action, fresh), source_time as born
from incoming where event_key not in (select event_key from contested);

insert into event by name
select * exclude (action, fresh, prior, born, v, versions, first_born, best, turn, root_line), first_born as born
from judged where v = versions and not prior;
