-- Whether who asks may see what is the state's alone.
coalesce('STATE' in ({mine}), false)
