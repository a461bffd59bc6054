-- A control file by county and day beside the store. Events first reported
-- after {until} can't be in it and are left out.
create or replace temp view control_row as
select * replace (case county when 'OOS' then 1 when 'UNK' then 0 else cast(county as integer) end as county)
from read_csv({file}, auto_detect = false, header = false, delim = ',',
  columns = {'county': 'varchar', 'admin_date': 'date', 'n': 'bigint', 'content': 'ubigint'});

-- The sum of the content keys modulo 2^64, as the sender makes it.
create or replace temp table control_day as
select coalesce(c.county, s.county) as county, coalesce(c.admin_date, s.admin_date) as admin_date,
       coalesce(c.n, 0) as theirs, coalesce(s.n, 0) as ours,
       case when coalesce(c.n, 0) <> coalesce(s.n, 0) then 'rows' else 'content' end as differs
from control_row c full outer join (
  select county, admin_date, count(*) as n,
         cast((sum(content) % 18446744073709551616 + 18446744073709551616) % 18446744073709551616 as ubigint) as content
  from event where registry = {registry} and not tombstone and born <= {until} group by county, admin_date) s
  on s.county = c.county and s.admin_date = c.admin_date
where coalesce(c.n, 0) <> coalesce(s.n, 0) or coalesce(c.content, 0) <> coalesce(s.content, 0);
