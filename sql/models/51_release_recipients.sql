-- One row a person and county that sees the person, by the place of the latest
-- dose that county sees. Residents in full; people seen only by a dose given
-- there, with those doses alone (full is null: the rest is not theirs to see).
with season as (
{season}
), fact as (
  select e.place, e.county, e.city, e.admin_county, e.admin_date as day, e.formula, e.dose_num, v.person_id, v.dose_ordinal, v.full_date,
         case coalesce(p.product, 0) when 1 then 1 when 2 then 2 when 3 then 4 else 8 end as maker
  from derived v join event e on e.place = v.place left join product p on p.cvx = e.cvx
  where v.is_primary
), home as (
  select person_id, arg_max(county, dose_ordinal) as county, arg_max(city, dose_ordinal) as city,
         arg_max(place, dose_ordinal) as place, max(dose_ordinal) as doses,
         max(case when dose_ordinal = 1 then day end) as ds1, max(case when dose_ordinal = 2 then day end) as ds2,
         max(case when dose_ordinal = 3 then day end) as ds3, max(case when dose_ordinal = 4 then day end) as ds4,
         max(case when dose_ordinal = 5 then day end) as ds5, max(case when dose_ordinal = 6 then day end) as ds6,
         max(day) as last_day, bit_or(maker) as makers, max(full_date) as full_date,
         least(max(full_date), max(case when dose_ordinal = 3 then day end), min(case when dose_num = 2 then day end)) as full_2021,
         min(case when day > full_date and day >= date '2021-08-13' then day end) as booster_day,
         min(case when formula = 1 and day >= date '2022-09-01' then day end) as bivalent_day,
         min(case when formula > 0 and formula = (select formula from season) then day end) as current_day
  from fact group by person_id
), elsewhere as (
  select f.*, row_number() over (partition by f.person_id, f.admin_county order by f.dose_ordinal) as n
  from fact f join home h on h.person_id = f.person_id
  where f.admin_county <> h.county
)
select place, county, city, false as part, cast(doses as integer) as doses, ds1, ds2, ds3, ds4, ds5, ds6, last_day,
       cast(makers as integer) as makers, full_date, full_2021, booster_day, bivalent_day, current_day
from home
union all
select arg_max(place, n), admin_county, 0, true, cast(max(n) as integer),
       max(case when n = 1 then day end), max(case when n = 2 then day end), max(case when n = 3 then day end),
       max(case when n = 4 then day end), max(case when n = 5 then day end), max(case when n = 6 then day end),
       max(day), cast(bit_or(maker) as integer), null, null, null, null, null
from elsewhere group by person_id, admin_county
order by 1, 2
