-- All keys that crosswalks connect with what is said anew. Snowflake's
-- recursion knows no UNION that drops what it had: the loop follows, in Go.
create or replace temp table near_arc as
select old_key as a, new_key as b from alias where entity = 'event'
union
select new_key, old_key from alias where entity = 'event';
create or replace temp table reread as
select distinct a.old_key as event_key from alias a join input_in i on i.seq = bitshiftright(a.place, 32) where i.anew and a.entity = 'event';
