-- ?1 feed, ?2 kind, ?3 day or empty for all, ?4 about or empty for all, ?5 now.
update feed_notice
set cleared_at = ?5
where feed = ?1 and kind = ?2 and cleared_at is null and (?3 = '' or day = ?3) and (?4 = '' or about = ?4);
