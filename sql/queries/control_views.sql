-- What a sender's files say, narrow, in the order they were read: the last
-- version of an event by source_time, then n, is the one that counts.
create view control_version as
select * from read_csv({control}, auto_detect = false, header = false, delim = ',', quote = '"', escape = '"',
  columns = {'vax_event_id': 'varchar', 'county': 'varchar', 'admin_date': 'varchar', 'content': 'bigint', 'tombstone': 'boolean', 'source_time': 'bigint', 'n': 'bigint'});
