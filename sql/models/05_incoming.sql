-- incoming: the rows of the segments being applied, narrow. {files} is the
-- list of their Parquet files; segment_in has one row for each.
create or replace temp view incoming as
select s.registry, e.vax_event_id, e.event_key,
       coalesce(epoch_us(e.source_time), s.source_time) as source_time,
       s.seq * 4294967296 + e.file_row_number as place,
       s.action, e.tombstone, e.recip_key as recip, e.admin_date, e.cvx,
       case e.county when 'OOS' then 1 when 'UNK' then 0 else cast(e.county as integer) end as county,
       case e.lhj when 'berkeley' then 1 when 'long-beach' then 2 when 'pasadena' then 3 else 0 end as city,
       cast(e.admin_county as integer) as admin_county,
       e.admin_date is not null and e.completion = 'CP' and coalesce(e.vax_refusal, 'NO') <> 'YES' and coalesce(e.cvx, 0) <> 998 as countable,
       e.content_key as content, s.fresh
from read_parquet({files}, file_row_number = true, filename = true) e
join segment_in s on s.path = e.filename
where s.fresh or e.event_key in (select event_key from retimed_key);
