-- Restatements: days whose published figures differ. A day without a row is
-- zero.
select coalesce(a.county_fips, b.county_fips) as place, strftime(coalesce(a.administered_date, b.administered_date), '%Y-%m-%d') as day,
       {figures}
from read_parquet({a}) a full join read_parquet({b}) b
  on a.county_fips = b.county_fips and a.administered_date = b.administered_date
where ({differ}) and ({county} = '' or coalesce(a.county_fips, b.county_fips) = {county})
order by 1, 2
