-- As the model. The folded street comes with the row (load/snowflake/spool.go):
-- Snowflake can't take accents off. Its REGEXP_LIKE wants the whole text.
create or replace temp table home as
select distinct name_key, recip, street, zip5,
       case when regexp_like(phone, '[2-9][0-9]{2}[2-9][0-9]{6}') and replace(phone, left(phone, 1), '') <> '' then phone end as phone,
       case when split_part(email, '@', 1) not in ('none', 'noemail', 'no', 'na', 'unknown', 'unk', 'declined', 'refused', 'test', 'noreply') then email end as email
from (select name_key, recip,
       case when upper(street) in ('REDACTED', 'UNKNOWN', 'UNK', 'NONE', 'HOMELESS') then null else street_key end as street,
       case when left(zip, 5) not in ('00000', '99999') and regexp_like(left(zip, 5), '[0-9]{5}') then left(zip, 5) end as zip5,
       case when length(regexp_replace(coalesce(phone, ''), '[^0-9]', '')) >= 10 then right(regexp_replace(phone, '[^0-9]', ''), 10) end as phone,
       case when email like '%_@_%._%' then lower(trim(email)) end as email
from (select c.name_key, c.recip, e.recip_address_street as street, e.street_key, e.recip_address_zip as zip, e.recip_phone as phone, e.recip_email as email
      from candidate c join segment_row e on e.place = c.place) found) folded;
