-- role: {governor}
-- One policy for each type, level and remainder that package dose declares. A
-- reader sees the value where a grant for a place of the row reaches the
-- column's level, else what a file of a lower level holds.
create masking policy if not exists {database}.GOVERN.{mask} as (val {type}, home varchar, city varchar, given varchar) returns {type} -> null;

alter masking policy {database}.GOVERN.{mask} set body -> case when {rule} then val else {below} end;
