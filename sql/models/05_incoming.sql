-- incoming: the rows of the segments being applied, narrow. {files} is the
-- list of their Parquet files; segment_in has one row for each. Rows of older
-- segments come again for the keys that are decided anew (reread). An event
-- whose id moved stands under its new one. A snapshot says what holds at its
-- time, however old its rows say they are; so does a replay of what it refused.
create or replace temp view incoming as
select coalesce(m.new_registry, s.registry) as registry, coalesce(m.new_id, e.vax_event_id) as vax_event_id,
       coalesce(m.new_key, e.event_key) as event_key,
       case when s.whole then greatest(s.source_time, coalesce(epoch_us(e.source_time), s.source_time))
            else coalesce(epoch_us(e.source_time), s.source_time) end as source_time,
       s.seq * 4294967296 + e.file_row_number as place,
       coalesce(e.action, s.action) as action, e.tombstone, e.recip_key as recip, e.name_key, e.admin_date,
       case e.admin_date_precision when 'month' then 1 when 'year' then 2 else 0 end as coarse,
       e.lot_key as lot, e.org_key as org, e.cvx,
       case e.vaccine_type when 'bivalent' then 1 when '2023-24' then 2 when '2024-25' then 3 when '2025-26' then 4 else 0 end as formula,
       try_cast(e.dose_num as integer) as dose_num,
       case e.county when 'OOS' then 1 when 'UNK' then 0 else cast(e.county as integer) end as county,
       case e.lhj when 'berkeley' then 1 when 'long-beach' then 2 when 'pasadena' then 3 else 0 end as city,
       cast(e.admin_county as integer) as admin_county, e.is_historical as historical,
       e.admin_date is not null and e.completion = 'CP' and coalesce(e.vax_refusal, 'NO') <> 'YES' and coalesce(e.cvx, 0) <> 998 as countable,
       coalesce(e.filled, 0) as filled,
       case e.recip_age_group when 'Under 5' then 1 when '5-11' then 2 when '12-17' then 3 when '18-49' then 4 when '50-64' then 5 when '65+' then 6 else 0 end as age_group,
       case e.recip_race_eth when 'American Indian or Alaska Native' then 1 when 'Asian' then 2 when 'Black or African American' then 3
            when 'Latino' then 4 when 'Multiracial' then 5 when 'Native Hawaiian or Other Pacific Islander' then 6
            when 'White' then 7 when 'Other Race' then 8 else 0 end as race_eth,
       e.hpi_quartile, e.content_key as content, s.fresh
from read_parquet({files}, file_row_number = true, filename = true) e
join (select *, snapshot or seq in (select seq from whole_replay) as whole from segment_in) s on s.path = e.filename
left join moved_event m on m.old_key = e.event_key and m.old_registry = s.registry and m.old_id = e.vax_event_id
where s.fresh or coalesce(m.new_key, e.event_key) in (select event_key from reread);
