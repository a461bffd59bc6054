-- The days with findings. Missing and different count where the control file
-- puts them, extra where the store does.
with found as (
  select county, admin_date, count(*) filter (finding = 'missing') as missing, count(*) filter (finding = 'extra') as extra,
         count(*) filter (finding = 'different') as different
  from control_finding where finding in ('missing', 'extra', 'different') group by county, admin_date
), theirs as (
  select county, admin_date, count(*) as n from control_row group by county, admin_date
), ours as (
  select county, admin_date, count(*) as n from event where registry = {registry} and not tombstone group by county, admin_date
)
select f.county, f.admin_date, coalesce(t.n, 0), coalesce(o.n, 0), f.missing, f.extra, f.different, ''
from found f
left join theirs t on t.county = f.county and t.admin_date = f.admin_date
left join ours o on o.county = f.county and o.admin_date = f.admin_date
order by f.county < 2, f.county, f.admin_date;
