-- quality_county: one row a registry, county of residence (as counted) and day
-- of first report. lost_zero are events whose county came as four digits, the
-- zero of California's 06 gone.
with entry(file, seq) as (values {entries}),
sent as (
  select e.seq::bigint * 4294967296 + l.file_row_number as place, l.recip_address_county as county
  from (select file_row_number, filename, recip_address_county from read_parquet({lake}, filename = true, file_row_number = true)) l
  join entry e on e.file = l.filename
)
select v.registry, case v.county when 0 then 'UNK' when 1 then 'OOS' else lpad(cast(v.county as varchar), 5, '0') end as county,
       make_timestamp(v.born)::date as day, count(*) as events, count(*) filter (regexp_full_match(s.county, '6[0-9]{3}')) as lost_zero
from event v join sent s on s.place = v.place
where not v.tombstone
group by all
order by all
