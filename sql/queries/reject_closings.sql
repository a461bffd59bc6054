-- All closings of rejects, in the order of the ledger.
select registry, segment from segment where format = 'closing' order by seq;
