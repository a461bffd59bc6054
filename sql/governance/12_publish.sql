-- role: {governor}
-- The views of DESIGN 5.2, by their names. They hold no rule of their own: the
-- rows below them are filtered and masked for who asks. Only why a row is seen
-- depends on the reader's places, and is said here.
create or replace secure view {database}.PUBLISH.DOSE_EVENT copy grants as
select {event_shown}
from {database}.GOVERN.DOSE_EVENT_ROWS as r;

create or replace secure view {database}.PUBLISH.DOSE copy grants as
select * from {database}.PUBLISH.DOSE_EVENT where is_primary;

-- One row a person: as a resident where the reader sees that, else by doses
-- given in one place.
create or replace secure view {database}.PUBLISH.RECIPIENT copy grants as
select {recipient_names}
from {database}.GOVERN.RECIPIENT_ROWS as r
qualify row_number() over (partition by r.row_person order by r.row_part, r.row_doses desc, r.row_given) = 1;

create or replace secure view {database}.PUBLISH.COUNTY_DAY (county, county_fips, administered_date, total_doses, cumulative_total_doses, pfizer_doses, cumulative_pfizer_doses, moderna_doses, cumulative_moderna_doses, jj_doses, cumulative_jj_doses, partially_vaccinated, total_partially_vaccinated, fully_vaccinated, cumulative_fully_vaccinated, at_least_one_dose, cumulative_at_least_one_dose, california_flag, booster_recip_count, cumulative_booster_recip_count, up_to_date_count, cumulative_up_to_date_count)
copy grants
with row access policy {database}.GOVERN.STATE_ROWS on (county_fips)
as select county, county_fips, administered_date, total_doses, cumulative_total_doses, pfizer_doses, cumulative_pfizer_doses, moderna_doses, cumulative_moderna_doses, jj_doses, cumulative_jj_doses, partially_vaccinated, total_partially_vaccinated, fully_vaccinated, cumulative_fully_vaccinated, at_least_one_dose, cumulative_at_least_one_dose, california_flag, booster_recip_count, cumulative_booster_recip_count, up_to_date_count, cumulative_up_to_date_count from {database}.{core}.release_county_day;

create or replace secure view {database}.PUBLISH.SEGMENT (registry, segment, sha256, path, format, action, reported_at, records, events, adds, updates, deletes, unchanged, rejects)
copy grants
with row access policy {database}.GOVERN.STATE_ROWS on (registry)
as
select p.registry, p.segment, p.sha256, p.path, p.format, p.action, to_timestamp_ntz(p.source_time, 6), p.records, p.events, a.adds, a.updates, a.deletes, a.unchanged, p.rejects
from {database}.{core}.segment_payload as p
left join {database}.{core}.applied as a on a.seq = p.seq;

create or replace secure view {database}.PUBLISH.FEED_STATUS (registry, newest, last_seq, payloads, records, rejects)
copy grants
with row access policy {database}.GOVERN.STATE_ROWS on (registry)
as
select registry, to_timestamp_ntz(max(source_time), 6), max(seq), count(*), cast(sum(records) as bigint), cast(sum(rejects) as bigint)
from {database}.{core}.segment_payload
group by 1;

create or replace secure view {database}.PUBLISH.REJECT (registry, segment, path, line, record, field, code, message, remedy, state)
copy grants
with row access policy {database}.GOVERN.STATE_RECORDS on (registry)
as
select registry, segment, path, line, record, field, code, message, remedy, state
from {database}.{core}.release_rejects;
