-- A control file of events beside the store. {file} holds the checked rows;
-- {until} is the time (microseconds) up to which is compared: an event that
-- was reported later is newer than the control file, and not judged.
create or replace temp view control_row as
select * replace (case county when 'OOS' then 1 when 'UNK' then 0 else cast(county as integer) end as county)
from read_csv({file}, auto_detect = false, header = false, delim = ',', quote = '"', escape = '"',
  columns = {'vax_event_id': 'varchar', 'county': 'varchar', 'admin_date': 'date', 'content': 'bigint'});

-- Ids of this registry that stand under another one now, as in 04_settled.
create or replace temp table control_moved as
with recursive step as (
  select old_id, new_registry, new_id, new_key, 1 as depth from alias where entity = 'event' and old_registry = {registry}
  union all
  select s.old_id, a.new_registry, a.new_id, a.new_key, s.depth + 1
  from step s join alias a on a.entity = 'event' and a.old_registry = s.new_registry and a.old_id = s.new_id
  where s.depth < 16
)
select old_id, new_registry, new_id
from (select *, row_number() over (partition by old_id order by depth desc, new_key) as n from step) r where n = 1;

create or replace temp view control_asked as
select c.*, coalesce(m.new_registry, {registry}) as registry, coalesce(m.new_id, c.vax_event_id) as id, m.old_id is not null as moved
from control_row c left join control_moved m on m.old_id = c.vax_event_id;

-- Everything but what is the same. A moved event may count by what another id
-- reported, so that its content says nothing.
create or replace temp table control_finding as
select * from (
  select a.vax_event_id, a.county, a.admin_date, true as asked,
         case when e.vax_event_id is null then 'missing'
              when e.source_time > {until} then 'newer'
              when e.tombstone then 'missing'
              when a.moved then 'moved'
              when e.content <> a.content or e.county <> a.county or e.admin_date <> a.admin_date then 'different' end as finding
  from control_asked a left join event e on e.registry = a.registry and e.vax_event_id = a.id) f
where finding is not null
union all
select e.vax_event_id, e.county, e.admin_date, false, case when e.source_time > {until} then 'newer' else 'extra' end
from event e
where e.registry = {registry} and not e.tombstone
  and not exists (select 1 from control_asked a where a.registry = e.registry and a.id = e.vax_event_id);
