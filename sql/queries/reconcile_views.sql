-- What reconcile asks: a release, each event once, and the versions behind it.
-- {lake} are the event files of the release's segments.
create view dose_event as
select registry, vax_event_id, segment, county, admin_date from read_parquet({dose_event}) where visible_because <> 'administration';
create view dose as
select registry, vax_event_id, county, county_method, recip_address_state, admin_county, admin_date, reported_at
from read_parquet({dose}) where visible_because <> 'administration';
create view county_day as
select * from read_parquet({county_day});
create view segment as
select * from read_parquet({segment});
create view version as
select s.registry, s.segment, v.vax_event_id, v.tombstone, v.county, v.admin_date, coalesce(v.source_time, s.reported_at) as reported_at,
       v.completion = 'CP' and coalesce(v.vax_refusal, 'NO') <> 'YES' and v.admin_date is not null as countable
from read_parquet({lake}, filename = true) v
join segment s on s.registry = string_split(v.filename, '/')[-3] and s.segment = string_split(v.filename, '/')[-2];
