-- What happened to a sender, oldest first.
select at, by, was, became, reason from sender_change
where registry = ? and id = ?
order by seq;
