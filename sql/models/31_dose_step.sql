-- Loop body: a group of events is named by its oldest. Run until `changed` is 0.
create or replace temp table dose_label_next as
select event_key, dose_id, born from (
  select event_key, dose_id, born, was, row_number() over (partition by event_key order by born, dose_id) as n
  from (select l.event_key, o.dose_id, o.born, l.dose_id as was
        from dose_label l join same s on s.a = l.event_key join dose_label o on o.event_key = s.b
        union all
        select event_key, dose_id, born, dose_id from dose_label) c) r
where n = 1 and dose_id <> was;
delete from dose_label where event_key in (select event_key from dose_label_next);
insert into dose_label select event_key, dose_id, born from dose_label_next;
select count(*) as changed from dose_label_next;
