-- What a report on senders reads: a release's events, and the versions of all
-- events of its segments with who sent them (sender_id, which no release
-- holds). {lake} is the list of their files.
create view dose_event as
select * from read_parquet({dose_event}) where visible_because <> 'administration';
create view lake as
select coalesce(sender_id, vtrcks_prov_pin, responsible_org, '') as sender, vax_event_id, line, tombstone,
       filename as path, file_row_number as row_no
from read_parquet({lake}, filename = true, file_row_number = true);
