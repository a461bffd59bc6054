-- One row a person and county that sees the person, by the place of the latest
-- dose that county sees. Residents in full; people seen only by a dose given
-- there, with those doses alone (full is null: the rest is not theirs to see).
-- Both editions of CDPH's rule: until 2022-02-22 three records, or one dose
-- labelled number 2, were complete too.
with elsewhere as (
  select d.place, d.person_id, d.admin_county, d.admin_date as day,
         case d.product when 1 then 1 when 2 then 2 when 3 then 4 else 8 end as maker,
         row_number() over (partition by d.person_id, d.admin_county order by d.dose_ordinal) as n,
         d.admin_date <= (select today from release_season) as past
  from derived d join release_person p on p.person_id = d.person_id
  where d.is_primary and d.admin_county <> p.county
)
select place, cast(county as integer) as county, cast(city as integer) as city, false as part, cast(doses as integer) as doses,
       ds1, ds2, ds3, ds4, ds5, ds6, last_day, cast(makers as integer) as makers, full_date,
       least(full_date, ds3, called_second) as full_2021, booster_day, bivalent_day, current_day
from release_person
union all
select arg_max(place, case when past then n else -n end), cast(admin_county as integer), 0, true, cast(max(n) as integer),
       max(case when n = 1 then day end), max(case when n = 2 then day end), max(case when n = 3 then day end),
       max(case when n = 4 then day end), max(case when n = 5 then day end), max(case when n = 6 then day end),
       max(day) filter (past), cast(bit_or(maker) as integer), null, null, null, null, null
from elsewhere group by person_id, admin_county
order by 1, 2
