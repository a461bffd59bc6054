-- Recipients whose answer a portion may change. An older row that does not
-- count still tells that an event, or a recipient, has been known for longer;
-- that breaks ties and names people.
insert into touched
select recip from arrived
union select recip from gone
union select recip from absent
union select recip from judged where prior and v = versions and first_born < born;
