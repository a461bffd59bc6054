-- role: {governor}
-- What a steward must hear of. Alerts write rows; whoever wants mail adds a
-- notification integration, which needs addresses that stand in no repository.
create table if not exists {database}.GOVERN.NOTICE (raised_at timestamp_ntz not null, what varchar not null);

-- No load for 26 hours: registries report every day.
create or replace alert {database}.GOVERN.LATE
warehouse = {load_warehouse}
schedule = '60 minute'
if (exists (
  select 1 from (select max(committed_at) as last from {database}.{core}.load_run) as r
  where r.last < date_part(epoch_microsecond, dateadd('hour', -26, sysdate()))
))
then insert into {database}.GOVERN.NOTICE select sysdate(), 'no load for 26 hours';

alter alert {database}.GOVERN.LATE resume;

-- A published row source that lost its row policy, whoever took it off.
create or replace alert {database}.GOVERN.UNGUARDED
warehouse = {load_warehouse}
schedule = '60 minute'
if (exists (
  select 1 from (select 'DOSE_EVENT_ROWS' as name union all select 'RECIPIENT_ROWS') as v
  where v.name not in (
    select p.ref_entity_name from table({database}.INFORMATION_SCHEMA.POLICY_REFERENCES(policy_name => '{database}.GOVERN.PLACE_ROWS')) as p
  )
))
then insert into {database}.GOVERN.NOTICE select sysdate(), 'a view of records has no row policy';

alter alert {database}.GOVERN.UNGUARDED resume;
