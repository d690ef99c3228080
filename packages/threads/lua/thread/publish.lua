-- publish: a fork has copied everything: the thread is there.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] token of the fork  ARGV[3] metadata  ARGV[4] head, '' for none
-- ARGV[5] its questions, '' for none  ARGV[6] the job that it ends with, '' for whichever was last
-- RETURNS bytes of the thread | -1 another fork has taken over
local retention, token, metadata, head, interrupts, through = unpack(ARGV, 1, 6)
if redis.call('HGET', RECORD, 'madeBy') ~= token then
  if redis.call('GET', FORK) ~= token then return -1 end
  local now = now_ms()
  create_record(now, metadata)
  redis.call('HSET', RECORD, 'madeBy', token)
  if head == '' then redis.call('HDEL', RECORD, 'head') else redis.call('HSET', RECORD, 'head', head) end
  if interrupts ~= '' then redis.call('HSET', RECORD, 'interrupts', interrupts) end
  if through ~= '' then redis.call('HSET', RECORD, 'through', through) end
  redis.call('DEL', FORK)
  touch(now, retention)
end
return tonumber(redis.call('HGET', RECORD, 'bytes'))
