-- county_demographic_day: county_day by age group, race and ethnicity, and
-- Healthy Places Index quartile, with denominators. Doses by what the event
-- says of the person; people once, by their latest dose. Coverage is given as
-- it is, per 10,000 people, and capped at 9,500 with a flag (CDC's cap of late
-- 2021), never capped silently; none without a denominator. {counties} is a list of (code, fips, label, flag), {population} of
-- (fips, category, value, people).
with given as (
  select county, admin_date as day, age_group, race_eth, coalesce(hpi_quartile, 0) as hpi_quartile, product from derived where is_primary
), step as (
  -- each category in one pass: by the three together there are nearly as many groups as doses
  select county, day, grouping(age_group, race_eth, hpi_quartile) as set, coalesce(age_group, race_eth, hpi_quartile) as code, count(*) as total,
         count(*) filter (product = 1) as pfizer, count(*) filter (product = 2) as moderna, count(*) filter (product = 3) as jj,
         0 as partially, 0 as fully, 0 as one
  from given group by grouping sets ((county, day, age_group), (county, day, race_eth), (county, day, hpi_quartile))
  union all
  select county, ds1, grouping(age_group, race_eth, hpi_quartile), coalesce(age_group, race_eth, hpi_quartile), 0, 0, 0, 0,
         count(*) filter (full_date is null or full_date <> ds1), 0, count(*)
  from release_person group by grouping sets ((county, ds1, age_group), (county, ds1, race_eth), (county, ds1, hpi_quartile))
  union all
  select county, full_date, grouping(age_group, race_eth, hpi_quartile), coalesce(age_group, race_eth, hpi_quartile), 0, 0, 0, 0, 0, count(*), 0
  from release_person where full_date is not null
  group by grouping sets ((county, full_date, age_group), (county, full_date, race_eth), (county, full_date, hpi_quartile))
), category(category, code, label) as (
  values ('Age Group', 0, 'Unknown Agegroup'), ('Age Group', 1, 'Under 5'), ('Age Group', 2, '5-11'), ('Age Group', 3, '12-17'),
         ('Age Group', 4, '18-49'), ('Age Group', 5, '50-64'), ('Age Group', 6, '65+'),
         ('Race/Ethnicity', 0, 'Unknown'), ('Race/Ethnicity', 1, 'American Indian or Alaska Native'), ('Race/Ethnicity', 2, 'Asian'),
         ('Race/Ethnicity', 3, 'Black or African American'), ('Race/Ethnicity', 4, 'Latino'), ('Race/Ethnicity', 5, 'Multiracial'),
         ('Race/Ethnicity', 6, 'Native Hawaiian or Other Pacific Islander'), ('Race/Ethnicity', 7, 'White'), ('Race/Ethnicity', 8, 'Other Race'),
         ('HPI Quartile', 0, 'Unknown'), ('HPI Quartile', 1, '1'), ('HPI Quartile', 2, '2'), ('HPI Quartile', 3, '3'), ('HPI Quartile', 4, '4')
), county(code, fips, label, flag) as (
  values {counties}
), population(fips, category, label, people) as (
  values {population}
), grouped as (
  select s.county, s.day, c.category, c.label, sum(total) as total, sum(pfizer) as pfizer, sum(moderna) as moderna, sum(jj) as jj,
         sum(partially) as partially, sum(fully) as fully, sum(one) as one
  from step s join category c on c.code = s.code and s.set = case c.category when 'Age Group' then 3 when 'Race/Ethnicity' then 5 else 6 end
  group by s.county, s.day, c.category, c.label
), placed as (
  select k.label as place, k.fips, g.* exclude (county) from grouped g join county k on k.code = g.county
  union all
  select 'All CA Counties', 'CA', day, category, label, sum(total), sum(pfizer), sum(moderna), sum(jj), sum(partially), sum(fully), sum(one)
  from grouped where county > 1 group by day, category, label
), people as (
  select fips, category, label, people from population
  union all
  select 'CA', category, label, sum(people) from population group by category, label
)
select g.place as county, g.fips as county_fips, g.category as demographic_category, g.label as demographic_value,
       cast(n.people as bigint) as est_population, g.day as administered_date,
       cast(total as bigint) as total_doses, cast(sum(total) over w as bigint) as cumulative_total_doses,
       cast(pfizer as bigint) as pfizer_doses, cast(sum(pfizer) over w as bigint) as cumulative_pfizer_doses,
       cast(moderna as bigint) as moderna_doses, cast(sum(moderna) over w as bigint) as cumulative_moderna_doses,
       cast(jj as bigint) as jj_doses, cast(sum(jj) over w as bigint) as cumulative_jj_doses,
       cast(partially as bigint) as partially_vaccinated, cast(sum(one) over w - sum(fully) over w as bigint) as total_partially_vaccinated,
       cast(fully as bigint) as fully_vaccinated, cast(sum(fully) over w as bigint) as cumulative_fully_vaccinated,
       cast(one as bigint) as at_least_one_dose, cast(sum(one) over w as bigint) as cumulative_at_least_one_dose,
       cast(round(10000.0 * sum(one) over w / nullif(n.people, 0)) as integer) as at_least_one_per_10000,
       cast(round(10000.0 * sum(fully) over w / nullif(n.people, 0)) as integer) as fully_per_10000,
       case when n.people > 0 then least(cast(round(10000.0 * sum(one) over w / n.people) as integer), 9500) end as at_least_one_per_10000_capped,
       case when n.people > 0 then least(cast(round(10000.0 * sum(fully) over w / n.people) as integer), 9500) end as fully_per_10000_capped,
       sum(one) over w > 0.95 * n.people as is_capped
from placed g left join people n on n.fips = g.fips and n.category = g.category and n.label = g.label
window w as (partition by g.fips, g.category, g.label order by g.day)
order by g.category, g.place, g.label, g.day
