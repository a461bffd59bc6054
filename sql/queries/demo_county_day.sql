-- The figures that a synthetic truth file knows too.
select county_fips, administered_date, total_doses, pfizer_doses, moderna_doses, jj_doses, at_least_one_dose, fully_vaccinated
from county_day
where county_fips not in ('CA', 'ALL');
