-- Invariants of the store: every count must be 0.
select 'a key twice' as what, count(*) as n from (select registry, vax_event_id from event group by registry, vax_event_id having count(*) > 1) x
union all
select 'a place twice', count(*) from (select place from event group by place having count(*) > 1) x
union all
select 'a live event without a derived row', count(*) from event e where not tombstone and place not in (select place from derived)
union all
select 'a derived row without a live event', count(*) from derived where place not in (select place from event where not tombstone)
union all
select 'a gap in the dose order', count(*) from
  (select person_id from derived where is_primary group by person_id having max(dose_ordinal) <> count(*)) x;
