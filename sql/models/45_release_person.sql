-- One row a person with a dose that counts: what three tables of a release are
-- made of. Residence and demographics are those of the latest dose; a dose
-- dated after the last report of any is none of the latest (CDPH: dates later
-- than today don't count for the latest date).
create or replace temp table release_season as
-- The day of the last report, and the updated vaccine in force on the last day
-- of doses until then (CDPH: up to date).
select today, case when last_day >= date '2025-08-27' then 4 when last_day >= date '2024-08-22' then 3
            when last_day >= date '2023-09-11' then 2 when last_day >= date '2022-09-01' then 1 else 0 end as formula
from (select any_value(today) as today, max(admin_date) filter (is_primary and admin_date <= today) as last_day
      from (select cast(make_timestamp(max(source_time)) as date) as today from event) t left join derived on true) d;

create or replace temp table release_person as
select person_id, arg_max(place, latest) as place, arg_max(county, latest) as county, arg_max(city, latest) as city,
       arg_max(age_group, latest) as age_group, arg_max(race_eth, latest) as race_eth,
       arg_max(coalesce(hpi_quartile, 0), latest) as hpi_quartile, cast(max(dose_ordinal) as smallint) as doses,
       min(admin_date) as ds1, max(case when dose_ordinal = 2 then admin_date end) as ds2,
       max(case when dose_ordinal = 3 then admin_date end) as ds3, max(case when dose_ordinal = 4 then admin_date end) as ds4,
       max(case when dose_ordinal = 5 then admin_date end) as ds5, max(case when dose_ordinal = 6 then admin_date end) as ds6,
       max(admin_date) filter (latest > 0) as last_day,
       cast(bit_or(case product when 1 then 1 when 2 then 2 when 3 then 4 else 8 end) as smallint) as makers,
       max(full_date) as full_date, min(case when dose_num = 2 then admin_date end) as called_second,
       min(case when admin_date > full_date and admin_date >= date '2021-08-13' then admin_date end) as booster_day,
       min(case when formula = 1 and admin_date >= date '2022-09-01' then admin_date end) as bivalent_day,
       min(case when formula > 0 and formula = (select formula from release_season) then admin_date end) as current_day
from (select *, case when admin_date <= (select today from release_season) then dose_ordinal else -dose_ordinal end as latest
      from derived where is_primary) d
group by person_id;
