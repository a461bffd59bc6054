-- The replays that go back to a segment.
select s.segment from replay r join segment s on s.seq = r.seq
where s.registry = ? and r.root = ?
order by r.seq;
