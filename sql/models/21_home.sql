-- Addresses stay in the lake; only candidates' are read. Streets are folded to
-- A-Z0-9, since levenshtein counts bytes. Redacted ones match nothing, nor do
-- phone numbers that nobody can have (North American numbers have area code and
-- exchange from 200 up) and mail addresses that say that there is none.
create or replace temp table home as
select distinct name_key, recip, street, zip5,
       case when regexp_matches(phone, '^[2-9][0-9]{2}[2-9][0-9]{6}$') and replace(phone, left(phone, 1), '') <> '' then phone end as phone,
       case when split_part(email, '@', 1) not in ('none', 'noemail', 'no', 'na', 'unknown', 'unk', 'declined', 'refused', 'test', 'noreply') then email end as email
from (select name_key, recip,
       case when upper(street) in ('REDACTED', 'UNKNOWN', 'UNK', 'NONE', 'HOMELESS') then null
            else regexp_replace(upper(strip_accents(coalesce(street, ''))), '[^A-Z0-9]', '', 'g') end as street,
       case when regexp_matches(zip, '^[0-9]{5}') and left(zip, 5) not in ('00000', '99999') then left(zip, 5) end as zip5,
       case when length(regexp_replace(coalesce(phone, ''), '[^0-9]', '', 'g')) >= 10
            then right(regexp_replace(phone, '[^0-9]', '', 'g'), 10) end as phone,
       case when email like '%_@_%._%' then lower(trim(email)) end as email
from (select c.name_key, c.recip, e.recip_address_street as street, e.recip_address_zip as zip, e.recip_phone as phone, e.recip_email as email
      from read_parquet({files}, file_row_number = true, filename = true) e
      join segment_in s on s.path = e.filename
      join candidate c on c.place = s.seq * 4294967296 + e.file_row_number) found) folded;
