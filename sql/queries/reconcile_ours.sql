-- Our doses by place and day, in days since 1970.
select county_fips, cast(administered_date - date '1970-01-01' as integer), total_doses from county_day
where administered_date <= cast('{through}' as date)
