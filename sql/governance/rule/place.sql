-- Whether a row may be seen by who asks, at a level: by residence county, by
-- the city jurisdiction, or by the county where the dose was given (DESIGN 5.6).
coalesce(home in ({mine}) or city in ({mine}) or given in ({mine}), false)
