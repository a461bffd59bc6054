-- role: {governor}
-- Where large extracts are unloaded to: 'dosebook warehouse plan --unload PLACE'
-- prints the statements that fill, fetch and empty it.
create stage if not exists {database}.PUBLISH.EXTRACTS file_format = (type = parquet);
