-- role: {governor}
-- The current rows, with the columns that policies judge by. Policies stand in
-- the statement that makes a view, so that it is never without them. A column
-- may not be in a row access policy and in a masking policy (Snowflake, "Row
-- access policies"), so the place stands there once for each.
create or replace secure view {database}.GOVERN.DOSE_EVENT_ROWS ({event_columns}, row_home, row_city, row_given, mask_home, mask_city, mask_given)
copy grants
with row access policy {database}.GOVERN.PLACE_ROWS on (row_home, row_city, row_given)
as
with person_with_dose as (
  select person_id from {database}.{core}.derived where is_primary group by person_id
)
select {event_names}, r.row_home, r.row_city, r.row_given, r.row_home, r.row_city, r.row_given
from (
  select w.*, d.person_id, coalesce(d.dose_id, case when d.place is not null then e.event_key end) as dose_id, coalesce(d.is_primary, false) as is_primary,
         d.dose_ordinal, d.interval_days, d.interval_valid,
         case when d.full_date is not null then 'complete' when p.person_id is not null then 'partial' else 'none' end as series_status,
         cast(null as varchar) as visible_because, to_timestamp_ntz(e.source_time, 6) as reported_at, split_part(w.filename, '/', 2) as segment,
         w.county as row_home, w.lhj as row_city, w.admin_county as row_given
  from {database}.{core}.event as e
  join {database}.{core}.segment_row as w on w.place = e.place
  left join {database}.{core}.derived as d on d.place = e.place
  left join person_with_dose as p on p.person_id = d.person_id
  where not e.tombstone
) as r;

-- The people: the models of a release as views beside their tables, in the
-- schema where their names mean the tables. 45_release_person, 51_release_recipients.
{release_views};

create or replace secure view {database}.GOVERN.RECIPIENT_ROWS ({recipient_columns}, row_person, row_part, row_doses, row_home, row_city, row_given, mask_home, mask_city, mask_given)
copy grants
with row access policy {database}.GOVERN.PLACE_ROWS on (row_home, row_city, row_given)
as
select {recipient_names}, r.row_person, r.part, r.doses, r.row_home, r.row_city, r.row_given, r.row_home, r.row_city, r.row_given
from (
  select {recipient_event}, d.person_id, d.person_id as row_person, x.part, x.doses,
         x.ds1 as ds1_admin_date, x.ds2 as ds2_admin_date, x.ds3 as ds3_admin_date, x.ds4 as ds4_admin_date, x.ds5 as ds5_admin_date, x.ds6 as ds6_admin_date,
         x.last_day as last_admin_date,
         substr(case when bitand(x.makers, 1) > 0 then ', Pfizer' else '' end || case when bitand(x.makers, 2) > 0 then ', Moderna' else '' end
           || case when bitand(x.makers, 4) > 0 then ', J&J' else '' end || case when bitand(x.makers, 8) > 0 then ', Other' else '' end, 3) as vax_received,
         case when not x.part then x.full_date is not null end as fully_vaccinated, x.full_date as fully_vaccinated_date, x.full_2021 as fully_vaccinated_2021_date,
         x.booster_day as booster_date, x.bivalent_day as bivalent_date, x.current_day as up_to_date_date,
         case when x.part then 'administration' else 'residence' end as visible_because,
         case when not x.part then w.county end as row_home, case when not x.part then w.lhj end as row_city, case when x.part then '0' || x.county end as row_given
  from {database}.{core}.release_recipients as x
  join {database}.{core}.segment_row as w on w.place = x.place
  join {database}.{core}.derived as d on d.place = x.place
) as r;
