  -- The updated vaccine in force on the last day of doses (CDPH: up to date).
  select case when last_day >= date '2025-08-27' then 4 when last_day >= date '2024-08-22' then 3
              when last_day >= date '2023-09-11' then 2 when last_day >= date '2022-09-01' then 1 else 0 end as formula
  from (select max(admin_date) as last_day from event where not tombstone and countable
        and admin_date <= (select max(make_timestamp(source_time))::date from event)) d
