use role SYSADMIN;

-- 1 of 96, 00_ledger.1
create database if not exists DOSEBOOK;

-- 2 of 96, 00_ledger.2
create schema if not exists DOSEBOOK.GOVERN with managed access;

-- 3 of 96, 00_ledger.3
create table if not exists DOSEBOOK.GOVERN.APPLIED_STATEMENT (
    slot varchar not null,
    hash varchar not null,
    outcome varchar not null,
    query_id varchar not null,
    applied_at timestamp_ntz not null
);

use role USERADMIN;

-- 4 of 96, 01_roles.1
create role if not exists DOSEBOOK_LOADER;

-- 5 of 96, 01_roles.2
create role if not exists DOSEBOOK_GOVERNOR;

-- 6 of 96, 01_roles.3
create role if not exists DOSEBOOK_READER;

-- 7 of 96, 01_roles.4
grant role DOSEBOOK_GOVERNOR to role SYSADMIN;

-- 8 of 96, 01_roles.5
grant role DOSEBOOK_LOADER to user DOSEBOOK_LOADER;

use role SYSADMIN;

-- 9 of 96, 02_schemas.1
create schema if not exists DOSEBOOK.CORE with managed access;

-- 10 of 96, 02_schemas.2
create schema if not exists DOSEBOOK.PUBLISH with managed access;

-- 11 of 96, 02_schemas.3
create database role if not exists DOSEBOOK.READER;

use role ACCOUNTADMIN;

-- 12 of 96, 03_account.1
create warehouse if not exists DOSEBOOK_LOAD with warehouse_size = XSMALL auto_suspend = 60 auto_resume = true initially_suspended = true;

-- 13 of 96, 03_account.2
create warehouse if not exists DOSEBOOK_READ with warehouse_size = XSMALL auto_suspend = 60 auto_resume = true initially_suspended = true;

-- 14 of 96, 03_account.3
create resource monitor if not exists DOSEBOOK_LOAD_CREDITS with credit_quota = 100 frequency = monthly start_timestamp = immediately triggers on 75 percent do notify on 100 percent do notify;

-- 15 of 96, 03_account.4
alter resource monitor DOSEBOOK_LOAD_CREDITS set credit_quota = 100;

-- 16 of 96, 03_account.5
create resource monitor if not exists DOSEBOOK_READ_CREDITS with credit_quota = 100 frequency = monthly start_timestamp = immediately triggers on 75 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;

-- 17 of 96, 03_account.6
alter resource monitor DOSEBOOK_READ_CREDITS set credit_quota = 100;

-- 18 of 96, 03_account.7
alter warehouse DOSEBOOK_LOAD set resource_monitor = DOSEBOOK_LOAD_CREDITS;

-- 19 of 96, 03_account.8
alter warehouse DOSEBOOK_READ set resource_monitor = DOSEBOOK_READ_CREDITS statement_timeout_in_seconds = 3600;

-- 20 of 96, 03_account.9
grant database role SNOWFLAKE.GOVERNANCE_VIEWER to role DOSEBOOK_GOVERNOR;

use role SECURITYADMIN;

-- 21 of 96, 04_grants.1
grant usage on warehouse DOSEBOOK_LOAD to role DOSEBOOK_LOADER;

-- 22 of 96, 04_grants.2
grant usage on database DOSEBOOK to role DOSEBOOK_LOADER;

-- 23 of 96, 04_grants.3
grant usage, create table, create stage on schema DOSEBOOK.CORE to role DOSEBOOK_LOADER;

-- 24 of 96, 04_grants.4
grant usage on schema DOSEBOOK.GOVERN to role DOSEBOOK_LOADER;

-- 25 of 96, 04_grants.5
grant usage on database DOSEBOOK to role DOSEBOOK_GOVERNOR;

-- 26 of 96, 04_grants.6
grant usage on warehouse DOSEBOOK_LOAD to role DOSEBOOK_GOVERNOR;

-- 27 of 96, 04_grants.7
grant usage, create view on schema DOSEBOOK.CORE to role DOSEBOOK_GOVERNOR;

-- 28 of 96, 04_grants.8
grant usage, create table, create view, create row access policy, create masking policy, create task on schema DOSEBOOK.GOVERN to role DOSEBOOK_GOVERNOR;

-- 29 of 96, 04_grants.9
grant create alert on schema DOSEBOOK.GOVERN to role DOSEBOOK_GOVERNOR;

-- 30 of 96, 04_grants.10
grant usage, create view, create stage, create task on schema DOSEBOOK.PUBLISH to role DOSEBOOK_GOVERNOR;

-- 31 of 96, 04_grants.11
grant select on all tables in schema DOSEBOOK.CORE to role DOSEBOOK_GOVERNOR;

-- 32 of 96, 04_grants.12
grant select on future tables in schema DOSEBOOK.CORE to role DOSEBOOK_GOVERNOR;

-- 33 of 96, 04_grants.13
grant execute task, execute alert on account to role DOSEBOOK_GOVERNOR;

-- 34 of 96, 04_grants.14
grant usage on database DOSEBOOK to database role DOSEBOOK.READER;

-- 35 of 96, 04_grants.15
grant usage on schema DOSEBOOK.PUBLISH to database role DOSEBOOK.READER;

-- 36 of 96, 04_grants.16
grant select on future views in schema DOSEBOOK.PUBLISH to database role DOSEBOOK.READER;

-- 37 of 96, 04_grants.17
grant database role DOSEBOOK.READER to role DOSEBOOK_READER;

-- 38 of 96, 04_grants.18
grant usage on warehouse DOSEBOOK_READ to role DOSEBOOK_READER;

use role DOSEBOOK_GOVERNOR;

-- 39 of 96, 05_map.1
create table if not exists DOSEBOOK.GOVERN.ACCESS_MAP (
    principal varchar not null,
    place varchar not null,
    level integer not null,
    from_at timestamp_ntz not null,
    until_at timestamp_ntz not null,
    grant_id integer not null
);

-- 40 of 96, 05_map.2
grant select, insert, delete on table DOSEBOOK.GOVERN.ACCESS_MAP to role DOSEBOOK_LOADER;

-- 41 of 96, 06_row_policies.1
create row access policy if not exists DOSEBOOK.GOVERN.PLACE_ROWS as (home varchar, city varchar, given varchar) returns boolean -> false;

-- 42 of 96, 06_row_policies.2
alter row access policy DOSEBOOK.GOVERN.PLACE_ROWS set body -> coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false);

-- 43 of 96, 06_row_policies.3
create row access policy if not exists DOSEBOOK.GOVERN.STATE_ROWS as (any_column varchar) returns boolean -> false;

-- 44 of 96, 06_row_policies.4
alter row access policy DOSEBOOK.GOVERN.STATE_ROWS set body -> coalesce('STATE' in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 0 and m.from_at <= sysdate() and sysdate() < m.until_at), false);

-- 45 of 96, 06_row_policies.5
create row access policy if not exists DOSEBOOK.GOVERN.STATE_RECORDS as (any_column varchar) returns boolean -> false;

-- 46 of 96, 06_row_policies.6
alter row access policy DOSEBOOK.GOVERN.STATE_RECORDS set body -> coalesce('STATE' in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 2 and m.from_at <= sysdate() and sysdate() < m.until_at), false);

-- 47 of 96, 07_mask_policies.MASK_LIMITED_VARCHAR.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR as (val varchar, home varchar, city varchar, given varchar) returns varchar -> null;

-- 48 of 96, 07_mask_policies.MASK_LIMITED_VARCHAR.2
alter masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else null end;

-- 49 of 96, 07_mask_policies.MASK_IDENTIFIED_VARCHAR.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR as (val varchar, home varchar, city varchar, given varchar) returns varchar -> null;

-- 50 of 96, 07_mask_policies.MASK_IDENTIFIED_VARCHAR.2
alter masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 2 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 2 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 2 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else null end;

-- 51 of 96, 07_mask_policies.MASK_LIMITED_DATE.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_LIMITED_DATE as (val date, home varchar, city varchar, given varchar) returns date -> null;

-- 52 of 96, 07_mask_policies.MASK_LIMITED_DATE.2
alter masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else null end;

-- 53 of 96, 07_mask_policies.MASK_LIMITED_DATE_YEAR.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR as (val date, home varchar, city varchar, given varchar) returns date -> null;

-- 54 of 96, 07_mask_policies.MASK_LIMITED_DATE_YEAR.2
alter masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else cast(date_trunc('year', val) as date) end;

-- 55 of 96, 07_mask_policies.MASK_LIMITED_INTEGER_NINETY.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER_NINETY as (val integer, home varchar, city varchar, given varchar) returns integer -> null;

-- 56 of 96, 07_mask_policies.MASK_LIMITED_INTEGER_NINETY.2
alter masking policy DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER_NINETY set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else least(val, 90) end;

-- 57 of 96, 07_mask_policies.MASK_LIMITED_INTEGER.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER as (val integer, home varchar, city varchar, given varchar) returns integer -> null;

-- 58 of 96, 07_mask_policies.MASK_LIMITED_INTEGER.2
alter masking policy DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else null end;

-- 59 of 96, 07_mask_policies.MASK_LIMITED_BIGINT.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_LIMITED_BIGINT as (val bigint, home varchar, city varchar, given varchar) returns bigint -> null;

-- 60 of 96, 07_mask_policies.MASK_LIMITED_BIGINT.2
alter masking policy DOSEBOOK.GOVERN.MASK_LIMITED_BIGINT set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else null end;

-- 61 of 96, 07_mask_policies.MASK_LIMITED_TIMESTAMP_NTZ.1
create masking policy if not exists DOSEBOOK.GOVERN.MASK_LIMITED_TIMESTAMP_NTZ as (val timestamp_ntz, home varchar, city varchar, given varchar) returns timestamp_ntz -> null;

-- 62 of 96, 07_mask_policies.MASK_LIMITED_TIMESTAMP_NTZ.2
alter masking policy DOSEBOOK.GOVERN.MASK_LIMITED_TIMESTAMP_NTZ set body -> case when coalesce(home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) or given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) then val else null end;

-- 63 of 96, 08_use.1
create table if not exists DOSEBOOK.GOVERN.QUERY_USE (
    query_id varchar not null,
    query_tag varchar not null,
    warehouse_name varchar,
    started_at timestamp_ntz not null,
    elapsed_ms integer not null,
    bytes_scanned integer not null,
    partitions_scanned integer not null,
    partitions_total integer not null
);

-- 64 of 96, 08_use.2
create or replace task DOSEBOOK.GOVERN.NOTE_USE
warehouse = DOSEBOOK_LOAD
schedule = 'USING CRON 30 4 * * * America/Los_Angeles'
user_task_timeout_ms = 600000
suspend_task_after_num_failures = 5
as
insert into DOSEBOOK.GOVERN.QUERY_USE
select q.query_id, q.query_tag, q.warehouse_name, cast(q.start_time as timestamp_ntz), q.total_elapsed_time, q.bytes_scanned, q.partitions_scanned, q.partitions_total
from SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY as q
where startswith(q.query_tag, 'dosebook') and q.start_time > dateadd('day', -2, current_timestamp())
  and q.query_id not in (select u.query_id from DOSEBOOK.GOVERN.QUERY_USE as u);

-- 65 of 96, 08_use.3
alter task DOSEBOOK.GOVERN.NOTE_USE resume;

use role SECURITYADMIN;

-- 66 of 96, 09_network.1
create network policy if not exists DOSEBOOK_LOADER_NETWORK allowed_ip_list = ('192.0.2.0/24');

-- 67 of 96, 09_network.2
alter network policy DOSEBOOK_LOADER_NETWORK set allowed_ip_list = ('192.0.2.0/24');

-- 68 of 96, 09_network.3
alter user DOSEBOOK_LOADER set network_policy = DOSEBOOK_LOADER_NETWORK;

use role DOSEBOOK_GOVERNOR;

-- 69 of 96, 10_unload.1
create stage if not exists DOSEBOOK.PUBLISH.EXTRACTS file_format = (type = parquet);

-- 70 of 96, 11_rows.1
create or replace secure view DOSEBOOK.GOVERN.DOSE_EVENT_ROWS (registry with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (registry, mask_home, mask_city, mask_given),
  vax_event_id with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (vax_event_id, mask_home, mask_city, mask_given),
  ext_type,
  pprl_id with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (pprl_id, mask_home, mask_city, mask_given),
  recip_id with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_id, mask_home, mask_city, mask_given),
  recip_first_name with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_first_name, mask_home, mask_city, mask_given),
  recip_middle_name with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_middle_name, mask_home, mask_city, mask_given),
  recip_last_name with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_last_name, mask_home, mask_city, mask_given),
  recip_dob with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE using (recip_dob, mask_home, mask_city, mask_given),
  recip_sex,
  recip_address_street with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_address_street, mask_home, mask_city, mask_given),
  recip_address_street_2 with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_address_street_2, mask_home, mask_city, mask_given),
  recip_address_city with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_address_city, mask_home, mask_city, mask_given),
  recip_address_county with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_address_county, mask_home, mask_city, mask_given),
  recip_address_state,
  recip_address_zip with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_address_zip, mask_home, mask_city, mask_given),
  recip_race_1,
  recip_race_2,
  recip_race_3,
  recip_race_4,
  recip_race_5,
  recip_race_6,
  recip_ethnicity,
  admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (admin_date, mask_home, mask_city, mask_given),
  cvx,
  ndc with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (ndc, mask_home, mask_city, mask_given),
  mvx,
  lot_number with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (lot_number, mask_home, mask_city, mask_given),
  vax_expiration with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE using (vax_expiration, mask_home, mask_city, mask_given),
  vax_admin_site,
  vax_route,
  dose_num,
  vax_series_complete,
  responsible_org with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (responsible_org, mask_home, mask_city, mask_given),
  admin_name with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (admin_name, mask_home, mask_city, mask_given),
  vtrcks_prov_pin with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (vtrcks_prov_pin, mask_home, mask_city, mask_given),
  admin_type,
  admin_address_street with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (admin_address_street, mask_home, mask_city, mask_given),
  admin_address_street_2 with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (admin_address_street_2, mask_home, mask_city, mask_given),
  admin_address_city with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (admin_address_city, mask_home, mask_city, mask_given),
  admin_address_county with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (admin_address_county, mask_home, mask_city, mask_given),
  admin_address_state,
  admin_address_zip with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (admin_address_zip, mask_home, mask_city, mask_given),
  vax_refusal,
  cmorbid_status,
  serology,
  protection,
  is_historical,
  completion,
  eligibility,
  funding_source with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (funding_source, mask_home, mask_city, mask_given),
  admin_date_precision with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (admin_date_precision, mask_home, mask_city, mask_given),
  recip_dob_precision with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_dob_precision, mask_home, mask_city, mask_given),
  county with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (county, mask_home, mask_city, mask_given),
  county_method with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (county_method, mask_home, mask_city, mask_given),
  admin_county with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (admin_county, mask_home, mask_city, mask_given),
  lhj with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (lhj, mask_home, mask_city, mask_given),
  recip_race_eth,
  recip_age with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER_NINETY using (recip_age, mask_home, mask_city, mask_given),
  recip_age_group,
  hpi_quartile with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER using (hpi_quartile, mask_home, mask_city, mask_given),
  vaccine_name,
  manufacturer,
  vaccine_type,
  person_id with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_BIGINT using (person_id, mask_home, mask_city, mask_given),
  dose_id with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_BIGINT using (dose_id, mask_home, mask_city, mask_given),
  is_primary,
  dose_ordinal,
  interval_days with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER using (interval_days, mask_home, mask_city, mask_given),
  interval_valid,
  series_status,
  visible_because,
  reported_at with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_TIMESTAMP_NTZ using (reported_at, mask_home, mask_city, mask_given),
  segment with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (segment, mask_home, mask_city, mask_given),
  line with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_BIGINT using (line, mask_home, mask_city, mask_given), row_home, row_city, row_given, mask_home, mask_city, mask_given)
copy grants
with row access policy DOSEBOOK.GOVERN.PLACE_ROWS on (row_home, row_city, row_given)
as
with person_with_dose as (
  select person_id from DOSEBOOK.CORE.derived where is_primary group by person_id
)
select r.registry, r.vax_event_id, r.ext_type, r.pprl_id, r.recip_id, r.recip_first_name, r.recip_middle_name, r.recip_last_name, r.recip_dob, r.recip_sex, r.recip_address_street, r.recip_address_street_2, r.recip_address_city, r.recip_address_county, r.recip_address_state, r.recip_address_zip, r.recip_race_1, r.recip_race_2, r.recip_race_3, r.recip_race_4, r.recip_race_5, r.recip_race_6, r.recip_ethnicity, r.admin_date, r.cvx, r.ndc, r.mvx, r.lot_number, r.vax_expiration, r.vax_admin_site, r.vax_route, r.dose_num, r.vax_series_complete, r.responsible_org, r.admin_name, r.vtrcks_prov_pin, r.admin_type, r.admin_address_street, r.admin_address_street_2, r.admin_address_city, r.admin_address_county, r.admin_address_state, r.admin_address_zip, r.vax_refusal, r.cmorbid_status, r.serology, r.protection, r.is_historical, r.completion, r.eligibility, r.funding_source, r.admin_date_precision, r.recip_dob_precision, r.county, r.county_method, r.admin_county, r.lhj, r.recip_race_eth, r.recip_age, r.recip_age_group, r.hpi_quartile, r.vaccine_name, r.manufacturer, r.vaccine_type, r.person_id, r.dose_id, r.is_primary, r.dose_ordinal, r.interval_days, r.interval_valid, r.series_status, r.visible_because, r.reported_at, r.segment, r.line, r.row_home, r.row_city, r.row_given, r.row_home, r.row_city, r.row_given
from (
  select w.*, d.person_id, coalesce(d.dose_id, case when d.place is not null then e.event_key end) as dose_id, coalesce(d.is_primary, false) as is_primary,
         d.dose_ordinal, d.interval_days, d.interval_valid,
         case when d.full_date is not null then 'complete' when p.person_id is not null then 'partial' else 'none' end as series_status,
         cast(null as varchar) as visible_because, to_timestamp_ntz(e.source_time, 6) as reported_at, split_part(w.filename, '/', 2) as segment,
         w.county as row_home, w.lhj as row_city, w.admin_county as row_given
  from DOSEBOOK.CORE.event as e
  join DOSEBOOK.CORE.segment_row as w on w.place = e.place
  left join DOSEBOOK.CORE.derived as d on d.place = e.place
  left join person_with_dose as p on p.person_id = d.person_id
  where not e.tombstone
) as r;

-- 71 of 96, 11_rows.2.45_release_person.1
create or replace view DOSEBOOK.CORE.release_season copy grants as
select today, case when last_day >= date '2025-08-27' then 4 when last_day >= date '2024-08-22' then 3
            when last_day >= date '2023-09-11' then 2 when last_day >= date '2022-09-01' then 1 else 0 end as formula
from (select any_value(today) as today, max(case when is_primary and admin_date <= today then admin_date end) as last_day
      from (select cast(to_timestamp_ntz(max(source_time), 6) as date) as today from event) t left join derived on true) d;

-- 72 of 96, 11_rows.2.45_release_person.2
create or replace view DOSEBOOK.CORE.release_person copy grants as
select person_id, max_by(place, latest) as place, max_by(county, latest) as county, max_by(city, latest) as city,
       max_by(age_group, latest) as age_group, max_by(race_eth, latest) as race_eth,
       max_by(coalesce(hpi_quartile, 0), latest) as hpi_quartile, cast(max(dose_ordinal) as smallint) as doses,
       min(admin_date) as ds1, max(case when dose_ordinal = 2 then admin_date end) as ds2,
       max(case when dose_ordinal = 3 then admin_date end) as ds3, max(case when dose_ordinal = 4 then admin_date end) as ds4,
       max(case when dose_ordinal = 5 then admin_date end) as ds5, max(case when dose_ordinal = 6 then admin_date end) as ds6,
       max(case when latest > 0 then admin_date end) as last_day,
       cast(bitor_agg(case product when 1 then 1 when 2 then 2 when 3 then 4 else 8 end) as smallint) as makers,
       max(full_date) as full_date, min(case when dose_num = 2 then admin_date end) as called_second,
       min(case when admin_date > full_date and admin_date >= date '2021-08-13' then admin_date end) as booster_day,
       min(case when formula = 1 and admin_date >= date '2022-09-01' then admin_date end) as bivalent_day,
       min(case when formula > 0 and formula = (select formula from release_season) then admin_date end) as current_day
from (select *, case when admin_date <= (select today from release_season) then dose_ordinal else -dose_ordinal end as latest
      from derived where is_primary) d
group by person_id;

-- 73 of 96, 11_rows.2.51_release_recipients.1
create or replace view DOSEBOOK.CORE.release_recipients copy grants as
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
       least_ignore_nulls(full_date, ds3, called_second) as full_2021, booster_day, bivalent_day, current_day
from release_person
union all
select max_by(place, case when past then n else -n end), cast(admin_county as integer), 0, true, cast(max(n) as integer),
       max(case when n = 1 then day end), max(case when n = 2 then day end), max(case when n = 3 then day end),
       max(case when n = 4 then day end), max(case when n = 5 then day end), max(case when n = 6 then day end),
       max(case when past then day end), cast(bitor_agg(maker) as integer), null, null, null, null, null
from elsewhere group by person_id, admin_county
order by 1, 2;

-- 74 of 96, 11_rows.2.41_county_day.1
create or replace view DOSEBOOK.CORE.release_county_day copy grants as
with change as (
  select county, admin_date as day, count(*) as total, count_if(product = 1) as pfizer, count_if(product = 2) as moderna,
         count_if(product = 3) as jj, 0 as partially, 0 as fully, 0 as one, 0 as booster, 0 as in_season
  from derived where is_primary group by county, admin_date
  union all
  select county, ds1, 0, 0, 0, 0, count_if(full_date is null or full_date <> ds1), 0, count(*), 0, 0 from release_person group by county, ds1
  union all
  select county, full_date, 0, 0, 0, 0, 0, count(*), 0, 0, 0 from release_person where full_date is not null group by county, full_date
  union all
  select county, booster_day, 0, 0, 0, 0, 0, 0, 0, count(*), 0 from release_person where booster_day is not null group by county, booster_day
  union all
  select county, current_day, 0, 0, 0, 0, 0, 0, 0, 0, count(*) from release_person where current_day is not null group by county, current_day
), county(code, fips, label, flag) as (
  select * from (values (6001, '06001', 'Alameda', 'California'), (6003, '06003', 'Alpine', 'California'), (6005, '06005', 'Amador', 'California'), (6007, '06007', 'Butte', 'California'), (6009, '06009', 'Calaveras', 'California'), (6011, '06011', 'Colusa', 'California'), (6013, '06013', 'Contra Costa', 'California'), (6015, '06015', 'Del Norte', 'California'), (6017, '06017', 'El Dorado', 'California'), (6019, '06019', 'Fresno', 'California'), (6021, '06021', 'Glenn', 'California'), (6023, '06023', 'Humboldt', 'California'), (6025, '06025', 'Imperial', 'California'), (6027, '06027', 'Inyo', 'California'), (6029, '06029', 'Kern', 'California'), (6031, '06031', 'Kings', 'California'), (6033, '06033', 'Lake', 'California'), (6035, '06035', 'Lassen', 'California'), (6037, '06037', 'Los Angeles', 'California'), (6039, '06039', 'Madera', 'California'), (6041, '06041', 'Marin', 'California'), (6043, '06043', 'Mariposa', 'California'), (6045, '06045', 'Mendocino', 'California'), (6047, '06047', 'Merced', 'California'), (6049, '06049', 'Modoc', 'California'), (6051, '06051', 'Mono', 'California'), (6053, '06053', 'Monterey', 'California'), (6055, '06055', 'Napa', 'California'), (6057, '06057', 'Nevada', 'California'), (6059, '06059', 'Orange', 'California'), (6061, '06061', 'Placer', 'California'), (6063, '06063', 'Plumas', 'California'), (6065, '06065', 'Riverside', 'California'), (6067, '06067', 'Sacramento', 'California'), (6069, '06069', 'San Benito', 'California'), (6071, '06071', 'San Bernardino', 'California'), (6073, '06073', 'San Diego', 'California'), (6075, '06075', 'San Francisco', 'California'), (6077, '06077', 'San Joaquin', 'California'), (6079, '06079', 'San Luis Obispo', 'California'), (6081, '06081', 'San Mateo', 'California'), (6083, '06083', 'Santa Barbara', 'California'), (6085, '06085', 'Santa Clara', 'California'), (6087, '06087', 'Santa Cruz', 'California'), (6089, '06089', 'Shasta', 'California'), (6091, '06091', 'Sierra', 'California'), (6093, '06093', 'Siskiyou', 'California'), (6095, '06095', 'Solano', 'California'), (6097, '06097', 'Sonoma', 'California'), (6099, '06099', 'Stanislaus', 'California'), (6101, '06101', 'Sutter', 'California'), (6103, '06103', 'Tehama', 'California'), (6105, '06105', 'Trinity', 'California'), (6107, '06107', 'Tulare', 'California'), (6109, '06109', 'Tuolumne', 'California'), (6111, '06111', 'Ventura', 'California'), (6113, '06113', 'Yolo', 'California'), (6115, '06115', 'Yuba', 'California'), (1, 'OOS', 'Outside California', 'Not in California'), (0, 'UNK', 'Unknown', 'Not in California'))
), labelled as (
  select c.label, c.fips, c.flag, x.* exclude (county) from change x join county c on c.code = x.county
  union all
  select 'All CA and Non-CA Counties', 'ALL', null, x.* exclude (county) from change x
  union all
  select 'All CA Counties', 'CA', null, x.* exclude (county) from change x where x.county > 1
), daily as (
  select label, fips, flag, day, sum(total) as total, sum(pfizer) as pfizer, sum(moderna) as moderna, sum(jj) as jj,
         sum(partially) as partially, sum(fully) as fully, sum(one) as one, sum(booster) as booster, sum(in_season) as in_season
  from labelled group by label, fips, flag, day
)
select label as county, fips as county_fips, day as administered_date,
       cast(total as bigint) as total_doses, cast(sum(total) over (partition by label order by day) as bigint) as cumulative_total_doses,
       cast(pfizer as bigint) as pfizer_doses, cast(sum(pfizer) over (partition by label order by day) as bigint) as cumulative_pfizer_doses,
       cast(moderna as bigint) as moderna_doses, cast(sum(moderna) over (partition by label order by day) as bigint) as cumulative_moderna_doses,
       cast(jj as bigint) as jj_doses, cast(sum(jj) over (partition by label order by day) as bigint) as cumulative_jj_doses,
       cast(partially as bigint) as partially_vaccinated,
       cast(sum(one) over (partition by label order by day) - sum(fully) over (partition by label order by day) as bigint) as total_partially_vaccinated,
       cast(fully as bigint) as fully_vaccinated, cast(sum(fully) over (partition by label order by day) as bigint) as cumulative_fully_vaccinated,
       cast(one as bigint) as at_least_one_dose, cast(sum(one) over (partition by label order by day) as bigint) as cumulative_at_least_one_dose,
       flag as california_flag,
       cast(booster as bigint) as booster_recip_count, cast(sum(booster) over (partition by label order by day) as bigint) as cumulative_booster_recip_count,
       cast(in_season as bigint) as up_to_date_count, cast(sum(in_season) over (partition by label order by day) as bigint) as cumulative_up_to_date_count
from daily
order by label, day;

-- 75 of 96, 11_rows.2.52_release_rejects.1
create or replace view DOSEBOOK.CORE.release_rejects copy grants as
select s.registry, s.segment, s.name as path, r.line, r.record, r.field, r.code, r.message, r.remedy,
       case when p.line is not null then 'replayed' when g.verdict = 'given-up' then 'given-up' when r.code in ('SENDER_UNKNOWN', 'SENDER_TESTING', 'SENDER_SUSPENDED') then 'quarantined'
            else 'open' end as state
from segment_reject r
join (select filename as file, seq, registry, segment, path as name from segment_payload) s on s.file = r.filename
left join replayed_reject p on p.registry = s.registry and p.segment = s.segment and p.line = r.line
left join (select registry, segment, line, max_by(verdict, place) as verdict from closing group by all) g
  on g.registry = s.registry and g.segment = s.segment and g.line = r.line
order by s.seq, r.line, r.code;

-- 76 of 96, 11_rows.3
create or replace secure view DOSEBOOK.GOVERN.RECIPIENT_ROWS (person_id with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_BIGINT using (person_id, mask_home, mask_city, mask_given),
  registry with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (registry, mask_home, mask_city, mask_given),
  recip_id with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_id, mask_home, mask_city, mask_given),
  recip_first_name with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_first_name, mask_home, mask_city, mask_given),
  recip_middle_name with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_middle_name, mask_home, mask_city, mask_given),
  recip_last_name with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_last_name, mask_home, mask_city, mask_given),
  recip_dob with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE using (recip_dob, mask_home, mask_city, mask_given),
  recip_dob_precision with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_dob_precision, mask_home, mask_city, mask_given),
  recip_sex,
  recip_address_street with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_address_street, mask_home, mask_city, mask_given),
  recip_address_street_2 with masking policy DOSEBOOK.GOVERN.MASK_IDENTIFIED_VARCHAR using (recip_address_street_2, mask_home, mask_city, mask_given),
  recip_address_city with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_address_city, mask_home, mask_city, mask_given),
  recip_address_county with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_address_county, mask_home, mask_city, mask_given),
  recip_address_state,
  recip_address_zip with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (recip_address_zip, mask_home, mask_city, mask_given),
  recip_race_eth,
  recip_age with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER_NINETY using (recip_age, mask_home, mask_city, mask_given),
  recip_age_group,
  county with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (county, mask_home, mask_city, mask_given),
  county_method with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (county_method, mask_home, mask_city, mask_given),
  lhj with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (lhj, mask_home, mask_city, mask_given),
  hpi_quartile with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_INTEGER using (hpi_quartile, mask_home, mask_city, mask_given),
  protection,
  doses,
  ds1_admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (ds1_admin_date, mask_home, mask_city, mask_given),
  ds2_admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (ds2_admin_date, mask_home, mask_city, mask_given),
  ds3_admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (ds3_admin_date, mask_home, mask_city, mask_given),
  ds4_admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (ds4_admin_date, mask_home, mask_city, mask_given),
  ds5_admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (ds5_admin_date, mask_home, mask_city, mask_given),
  ds6_admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (ds6_admin_date, mask_home, mask_city, mask_given),
  last_admin_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (last_admin_date, mask_home, mask_city, mask_given),
  vax_received,
  fully_vaccinated,
  fully_vaccinated_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (fully_vaccinated_date, mask_home, mask_city, mask_given),
  fully_vaccinated_2021_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (fully_vaccinated_2021_date, mask_home, mask_city, mask_given),
  booster_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (booster_date, mask_home, mask_city, mask_given),
  bivalent_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (bivalent_date, mask_home, mask_city, mask_given),
  up_to_date_date with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_DATE_YEAR using (up_to_date_date, mask_home, mask_city, mask_given),
  visible_because with masking policy DOSEBOOK.GOVERN.MASK_LIMITED_VARCHAR using (visible_because, mask_home, mask_city, mask_given), row_person, row_part, row_doses, row_home, row_city, row_given, mask_home, mask_city, mask_given)
copy grants
with row access policy DOSEBOOK.GOVERN.PLACE_ROWS on (row_home, row_city, row_given)
as
select r.person_id, r.registry, r.recip_id, r.recip_first_name, r.recip_middle_name, r.recip_last_name, r.recip_dob, r.recip_dob_precision, r.recip_sex, r.recip_address_street, r.recip_address_street_2, r.recip_address_city, r.recip_address_county, r.recip_address_state, r.recip_address_zip, r.recip_race_eth, r.recip_age, r.recip_age_group, r.county, r.county_method, r.lhj, r.hpi_quartile, r.protection, r.doses, r.ds1_admin_date, r.ds2_admin_date, r.ds3_admin_date, r.ds4_admin_date, r.ds5_admin_date, r.ds6_admin_date, r.last_admin_date, r.vax_received, r.fully_vaccinated, r.fully_vaccinated_date, r.fully_vaccinated_2021_date, r.booster_date, r.bivalent_date, r.up_to_date_date, r.visible_because, r.row_person, r.part, r.doses, r.row_home, r.row_city, r.row_given, r.row_home, r.row_city, r.row_given
from (
  select w.registry, w.recip_id, w.recip_first_name, w.recip_middle_name, w.recip_last_name, w.recip_dob, w.recip_dob_precision, w.recip_sex, case when not x.part then w.recip_address_street end as recip_address_street, case when not x.part then w.recip_address_street_2 end as recip_address_street_2, case when not x.part then w.recip_address_city end as recip_address_city, case when not x.part then w.recip_address_county end as recip_address_county, case when not x.part then w.recip_address_state end as recip_address_state, case when not x.part then w.recip_address_zip end as recip_address_zip, w.recip_race_eth, w.recip_age, w.recip_age_group, case when not x.part then w.county end as county, case when not x.part then w.county_method end as county_method, case when not x.part then w.lhj end as lhj, case when not x.part then w.hpi_quartile end as hpi_quartile, w.protection, d.person_id, d.person_id as row_person, x.part, x.doses,
         x.ds1 as ds1_admin_date, x.ds2 as ds2_admin_date, x.ds3 as ds3_admin_date, x.ds4 as ds4_admin_date, x.ds5 as ds5_admin_date, x.ds6 as ds6_admin_date,
         x.last_day as last_admin_date,
         substr(case when bitand(x.makers, 1) > 0 then ', Pfizer' else '' end || case when bitand(x.makers, 2) > 0 then ', Moderna' else '' end
           || case when bitand(x.makers, 4) > 0 then ', J&J' else '' end || case when bitand(x.makers, 8) > 0 then ', Other' else '' end, 3) as vax_received,
         case when not x.part then x.full_date is not null end as fully_vaccinated, x.full_date as fully_vaccinated_date, x.full_2021 as fully_vaccinated_2021_date,
         x.booster_day as booster_date, x.bivalent_day as bivalent_date, x.current_day as up_to_date_date,
         case when x.part then 'administration' else 'residence' end as visible_because,
         case when not x.part then w.county end as row_home, case when not x.part then w.lhj end as row_city, case when x.part then '0' || x.county end as row_given
  from DOSEBOOK.CORE.release_recipients as x
  join DOSEBOOK.CORE.segment_row as w on w.place = x.place
  join DOSEBOOK.CORE.derived as d on d.place = x.place
) as r;

-- 77 of 96, 12_publish.1
create or replace secure view DOSEBOOK.PUBLISH.DOSE_EVENT copy grants as
select r.registry, r.vax_event_id, r.ext_type, r.pprl_id, r.recip_id, r.recip_first_name, r.recip_middle_name, r.recip_last_name, r.recip_dob, r.recip_sex, r.recip_address_street, r.recip_address_street_2, r.recip_address_city, r.recip_address_county, r.recip_address_state, r.recip_address_zip, r.recip_race_1, r.recip_race_2, r.recip_race_3, r.recip_race_4, r.recip_race_5, r.recip_race_6, r.recip_ethnicity, r.admin_date, r.cvx, r.ndc, r.mvx, r.lot_number, r.vax_expiration, r.vax_admin_site, r.vax_route, r.dose_num, r.vax_series_complete, r.responsible_org, r.admin_name, r.vtrcks_prov_pin, r.admin_type, r.admin_address_street, r.admin_address_street_2, r.admin_address_city, r.admin_address_county, r.admin_address_state, r.admin_address_zip, r.vax_refusal, r.cmorbid_status, r.serology, r.protection, r.is_historical, r.completion, r.eligibility, r.funding_source, r.admin_date_precision, r.recip_dob_precision, r.county, r.county_method, r.admin_county, r.lhj, r.recip_race_eth, r.recip_age, r.recip_age_group, r.hpi_quartile, r.vaccine_name, r.manufacturer, r.vaccine_type, r.person_id, r.dose_id, r.is_primary, r.dose_ordinal, r.interval_days, r.interval_valid, r.series_status, case when (coalesce(r.row_home in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false) or coalesce(r.row_city in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at), false)) and r.row_given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) then 'both' when r.row_given in (select m.place from DOSEBOOK.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= 1 and m.from_at <= sysdate() and sysdate() < m.until_at) then 'administration' else 'residence' end as visible_because, r.reported_at, r.segment, r.line
from DOSEBOOK.GOVERN.DOSE_EVENT_ROWS as r;

-- 78 of 96, 12_publish.2
create or replace secure view DOSEBOOK.PUBLISH.DOSE copy grants as
select * from DOSEBOOK.PUBLISH.DOSE_EVENT where is_primary;

-- 79 of 96, 12_publish.3
create or replace secure view DOSEBOOK.PUBLISH.RECIPIENT copy grants as
select r.person_id, r.registry, r.recip_id, r.recip_first_name, r.recip_middle_name, r.recip_last_name, r.recip_dob, r.recip_dob_precision, r.recip_sex, r.recip_address_street, r.recip_address_street_2, r.recip_address_city, r.recip_address_county, r.recip_address_state, r.recip_address_zip, r.recip_race_eth, r.recip_age, r.recip_age_group, r.county, r.county_method, r.lhj, r.hpi_quartile, r.protection, r.doses, r.ds1_admin_date, r.ds2_admin_date, r.ds3_admin_date, r.ds4_admin_date, r.ds5_admin_date, r.ds6_admin_date, r.last_admin_date, r.vax_received, r.fully_vaccinated, r.fully_vaccinated_date, r.fully_vaccinated_2021_date, r.booster_date, r.bivalent_date, r.up_to_date_date, r.visible_because
from DOSEBOOK.GOVERN.RECIPIENT_ROWS as r
qualify row_number() over (partition by r.row_person order by r.row_part, r.row_doses desc, r.row_given) = 1;

-- 80 of 96, 12_publish.4
create or replace secure view DOSEBOOK.PUBLISH.COUNTY_DAY (county, county_fips, administered_date, total_doses, cumulative_total_doses, pfizer_doses, cumulative_pfizer_doses, moderna_doses, cumulative_moderna_doses, jj_doses, cumulative_jj_doses, partially_vaccinated, total_partially_vaccinated, fully_vaccinated, cumulative_fully_vaccinated, at_least_one_dose, cumulative_at_least_one_dose, california_flag, booster_recip_count, cumulative_booster_recip_count, up_to_date_count, cumulative_up_to_date_count)
copy grants
with row access policy DOSEBOOK.GOVERN.STATE_ROWS on (county_fips)
as select county, county_fips, administered_date, total_doses, cumulative_total_doses, pfizer_doses, cumulative_pfizer_doses, moderna_doses, cumulative_moderna_doses, jj_doses, cumulative_jj_doses, partially_vaccinated, total_partially_vaccinated, fully_vaccinated, cumulative_fully_vaccinated, at_least_one_dose, cumulative_at_least_one_dose, california_flag, booster_recip_count, cumulative_booster_recip_count, up_to_date_count, cumulative_up_to_date_count from DOSEBOOK.CORE.release_county_day;

-- 81 of 96, 12_publish.5
create or replace secure view DOSEBOOK.PUBLISH.SEGMENT (registry, segment, sha256, path, format, action, reported_at, records, events, adds, updates, deletes, unchanged, rejects)
copy grants
with row access policy DOSEBOOK.GOVERN.STATE_ROWS on (registry)
as
select p.registry, p.segment, p.sha256, p.path, p.format, p.action, to_timestamp_ntz(p.source_time, 6), p.records, p.events, a.adds, a.updates, a.deletes, a.unchanged, p.rejects
from DOSEBOOK.CORE.segment_payload as p
left join DOSEBOOK.CORE.applied as a on a.seq = p.seq;

-- 82 of 96, 12_publish.6
create or replace secure view DOSEBOOK.PUBLISH.FEED_STATUS (registry, newest, last_seq, payloads, records, rejects)
copy grants
with row access policy DOSEBOOK.GOVERN.STATE_ROWS on (registry)
as
select registry, to_timestamp_ntz(max(source_time), 6), max(seq), count(*), cast(sum(records) as bigint), cast(sum(rejects) as bigint)
from DOSEBOOK.CORE.segment_payload
group by 1;

-- 83 of 96, 12_publish.7
create or replace secure view DOSEBOOK.PUBLISH.REJECT (registry, segment, path, line, record, field, code, message, remedy, state)
copy grants
with row access policy DOSEBOOK.GOVERN.STATE_RECORDS on (registry)
as
select registry, segment, path, line, record, field, code, message, remedy, state
from DOSEBOOK.CORE.release_rejects;

use role ACCOUNTADMIN;

-- 84 of 96, 13_share.1
create share if not exists DOSEBOOK_COUNTIES;

-- 85 of 96, 13_share.2
grant usage on database DOSEBOOK to share DOSEBOOK_COUNTIES;

-- 86 of 96, 13_share.3
grant usage on schema DOSEBOOK.PUBLISH to share DOSEBOOK_COUNTIES;

-- 87 of 96, 13_share.4
grant select on view DOSEBOOK.PUBLISH.DOSE_EVENT to share DOSEBOOK_COUNTIES;

-- 88 of 96, 13_share.5
grant select on view DOSEBOOK.PUBLISH.DOSE to share DOSEBOOK_COUNTIES;

-- 89 of 96, 13_share.6
grant select on view DOSEBOOK.PUBLISH.RECIPIENT to share DOSEBOOK_COUNTIES;

-- 90 of 96, 14_reader_account.SAN_MATEO.1
create managed account SAN_MATEO admin_name = 'ADMIN', admin_password = '{password}', type = reader;

-- 91 of 96, 15_share_with.1
alter share DOSEBOOK_COUNTIES set accounts = CAIR.ALAMEDA;

use role DOSEBOOK_GOVERNOR;

-- 92 of 96, 16_alerts.1
create table if not exists DOSEBOOK.GOVERN.NOTICE (raised_at timestamp_ntz not null, what varchar not null);

-- 93 of 96, 16_alerts.2
create or replace alert DOSEBOOK.GOVERN.LATE
warehouse = DOSEBOOK_LOAD
schedule = '60 minute'
if (exists (
  select 1 from (select max(committed_at) as last from DOSEBOOK.CORE.load_run) as r
  where r.last < date_part(epoch_microsecond, dateadd('hour', -26, sysdate()))
))
then insert into DOSEBOOK.GOVERN.NOTICE select sysdate(), 'no load for 26 hours';

-- 94 of 96, 16_alerts.3
alter alert DOSEBOOK.GOVERN.LATE resume;

-- 95 of 96, 16_alerts.4
create or replace alert DOSEBOOK.GOVERN.UNGUARDED
warehouse = DOSEBOOK_LOAD
schedule = '60 minute'
if (exists (
  select 1 from (select 'DOSE_EVENT_ROWS' as name union all select 'RECIPIENT_ROWS') as v
  where v.name not in (
    select p.ref_entity_name from table(DOSEBOOK.INFORMATION_SCHEMA.POLICY_REFERENCES(policy_name => 'DOSEBOOK.GOVERN.PLACE_ROWS')) as p
  )
))
then insert into DOSEBOOK.GOVERN.NOTICE select sysdate(), 'a view of records has no row policy';

-- 96 of 96, 16_alerts.5
alter alert DOSEBOOK.GOVERN.UNGUARDED resume;

