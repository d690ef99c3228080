-- Takes head and checkpoints back to where the active job found them.
-- @param before as in the record; nil: it was never claimed
local function rewind(job, before)
  if not before then return end
  undo_checkpoints({ record = RECORD, data = KEYS[8], index = KEYS[9], bytes = 0 }, job, before)
  if before == '' then redis.call('HDEL', RECORD, 'head') else redis.call('HSET', RECORD, 'head', before) end
end
