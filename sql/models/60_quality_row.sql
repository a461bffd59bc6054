-- What the tables of quality are made of: one row an event in its current
-- version, tombstones too, with yes or no for each cell. It is for one build
-- and never leaves it. day is the day of first report; of a tombstone, that of
-- the delete. {lake} are the segments' event files, {entries} (file, ledger
-- sequence) of each, {vaccines} (cvx, first day, last day) of usual use.
with entry(file, seq) as (values {entries}),
used(cvx, first_day, last_day) as (values {vaccines}),
sent as (
  select e.seq::bigint * 4294967296 + l.file_row_number as place, coalesce(sender_id, vtrcks_prov_pin, responsible_org, '') as sender,
    recip_dob is not null as dob, recip_sex in ('M', 'F') as sex, recip_race_1 not in ('UNK', 'POL', 'PHC1175') as race,
    recip_ethnicity not in ('UNK', 'POL', 'PHC1175') as ethnicity, recip_address_street <> 'Redacted' as street, recip_address_zip is not null as zip,
    recip_address_county is not null as home_county, recip_phone is not null as phone, recip_email is not null as email, lot_number is not null as lot,
    ndc is not null as ndc, mvx is not null as mvx, vax_admin_site is not null as site, vax_route is not null as route,
    vtrcks_prov_pin is not null as pin, admin_address_street is not null as admin_address,
    not shaped as ndc_bad, not shaped and length(ndc) between 4 and 12 and translate(ndc, '0123456789', '') <> ndc as ndc_lot,
    length(recip_address_county) = 4 and recip_address_county[1] = '6' as lost_zero, county_method <> 'reported' as derived,
    admin_date_precision = 'day' as dated, recip_dob > admin_date as before_birth, recip_race_eth
  from (select *, length(ndc) between 10 and 13 and try_cast(replace(ndc, '-', '') as bigint) is not null as shaped
        from read_parquet({lake}, filename = true, file_row_number = true)) l
  join entry e on e.file = l.filename
)
select v.registry, make_timestamp(case when v.tombstone then v.source_time else v.born end)::date as day, v.county, v.admin_date, v.tombstone,
       v.historical, s.* exclude (place), d.dose_id, d.dose_id is not null and not d.is_primary as duplicate,
       case when v.historical is distinct from true and s.dated then least(greatest(make_timestamp(v.born)::date - v.admin_date, -1), 9999) end as lag,
       v.admin_date < u.first_day or v.admin_date > u.last_day as out_of_use
from event v
join sent s on s.place = v.place
left join derived d on d.place = v.place
left join used u on u.cvx = v.cvx
