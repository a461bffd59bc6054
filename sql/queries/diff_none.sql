-- No compared rows, in the shape of diff_columns.sql.
select cast(null as varchar) as registry, cast(null as varchar) as vax_event_id, cast(null as varchar) as a_place, cast(null as varchar) as b_place,
       cast(null as varchar) as reported, cast(null as varchar) as derived
where false
