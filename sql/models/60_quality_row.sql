-- What the tables of quality are made of: one row an event in its current
-- version, tombstones too, of a portion of the segments. It is for one build
-- and never leaves it. says has a bit for each yes of a row ({dob} and the
-- like, by release/quality_rows.go): a join over a column for each costs twice
-- as much. day is the day of first report; of a tombstone, that of the delete.
-- {lake} are the portion's event files, {entries} (file, ledger sequence) of
-- each, {from} and {to} the places between which its events stand, {vaccines}
-- (cvx, first day, last day) of usual use.
with entry(file, seq) as (values {entries}),
used(cvx, first_day, last_day) as (values {vaccines}),
sent as (
  select e.seq::bigint * 4294967296 + l.file_row_number as place, coalesce(sender_id, vtrcks_prov_pin, responsible_org, '') as sender,
    if(recip_dob is not null, {dob}, 0) | if(recip_sex in ('M', 'F'), {sex}, 0) | if(recip_race_1 not in ('UNK', 'POL', 'PHC1175'), {race}, 0) |
    if(recip_ethnicity not in ('UNK', 'POL', 'PHC1175'), {ethnicity}, 0) | if(recip_address_street <> 'Redacted', {street}, 0) |
    if(recip_address_zip is not null, {zip}, 0) | if(recip_address_county is not null, {home_county}, 0) | if(recip_phone is not null, {phone}, 0) |
    if(recip_email is not null, {email}, 0) | if(lot_number is not null, {lot}, 0) | if(ndc is not null, {ndc}, 0) | if(mvx is not null, {mvx}, 0) |
    if(vax_admin_site is not null, {site}, 0) | if(vax_route is not null, {route}, 0) | if(vtrcks_prov_pin is not null, {pin}, 0) |
    if(admin_address_street is not null, {admin_address}, 0) | if(not shaped, {ndc_bad}, 0) |
    if(not shaped and length(ndc) between 4 and 12 and translate(ndc, '0123456789', '') <> ndc, {ndc_lot}, 0) |
    if(length(recip_address_county) = 4 and recip_address_county[1] = '6', {lost_zero}, 0) | if(county_method <> 'reported', {derived}, 0) |
    if(admin_date_precision = 'day', {dated}, 0) | if(recip_dob > admin_date, {before_birth}, 0) as says
  from (select *, length(ndc) between 10 and 13 and try_cast(replace(ndc, '-', '') as bigint) is not null as shaped
        from read_parquet({lake}, filename = true, file_row_number = true)) l
  join entry e on e.file = l.filename
), current as (
  select *, make_timestamp(born)::date as first_day from event where place between {from} and {to}
), counted as (
  select place, dose_id, is_primary from derived where place between {from} and {to}
)
select v.registry, case when v.tombstone then make_timestamp(v.source_time)::date else v.first_day end as day, v.county, v.admin_date, v.tombstone,
       v.historical, v.race_eth, s.sender, s.says, d.dose_id, d.dose_id is not null and not d.is_primary as duplicate,
       case when v.historical is distinct from true and s.says & {dated} <> 0 then least(greatest(v.first_day - v.admin_date, -1), 9999) end as lag,
       v.admin_date < u.first_day or v.admin_date > u.last_day as out_of_use
from current v
join sent s on s.place = v.place
left join counted d on d.place = v.place
left join used u on u.cvx = v.cvx
