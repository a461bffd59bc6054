-- Addresses stay in the lake; only candidates' are read. Streets are folded to
-- A-Z0-9, since levenshtein counts bytes. Redacted ones match nothing.
create or replace temp table home as
select distinct c.name_key, c.recip, a.street, a.zip5, a.phone, a.email
from candidate c join (
  select s.seq * 4294967296 + e.file_row_number as place,
         case when upper(e.recip_address_street) in ('REDACTED', 'UNKNOWN', 'UNK', 'NONE', 'HOMELESS') then null
              else regexp_replace(upper(strip_accents(coalesce(e.recip_address_street, ''))), '[^A-Z0-9]', '', 'g') end as street,
         case when regexp_matches(e.recip_address_zip, '^[0-9]{5}') and left(e.recip_address_zip, 5) not in ('00000', '99999') then left(e.recip_address_zip, 5) end as zip5,
         case when length(regexp_replace(coalesce(e.recip_phone, ''), '[^0-9]', '', 'g')) >= 10
              then right(regexp_replace(e.recip_phone, '[^0-9]', '', 'g'), 10) end as phone,
         case when e.recip_email like '%_@_%._%' then lower(trim(e.recip_email)) end as email
  from read_parquet({files}, file_row_number = true, filename = true) e
  join segment_in s on s.path = e.filename) a on a.place = c.place;
