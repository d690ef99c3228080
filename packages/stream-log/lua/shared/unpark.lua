-- Takes the first `count` jobs off a tenant's parked jobs.
-- RETURNS their references
local function unpark(parked_key, count)
  local popped, refs = redis.call('ZPOPMIN', parked_key, count), {}
  for i = 1, #popped, 2 do refs[#refs + 1] = popped[i] end
  return refs
end
