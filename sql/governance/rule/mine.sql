-- The places that who asks may see at a level now. Through a share there is no
-- user; the reader's account stands for it (Snowflake, "Data sharing": CURRENT_USER
-- is null there).
select m.place from {database}.GOVERN.ACCESS_MAP as m where m.principal = coalesce(current_user(), 'ACCOUNT.' || current_account()) and m.level >= {level} and m.from_at <= sysdate() and sysdate() < m.until_at
