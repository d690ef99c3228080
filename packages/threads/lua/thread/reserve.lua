-- reserve: let one fork make a thread of this id.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] token of the fork  ARGV[2] how long until it must renew (ms)
-- RETURNS 1 | 0 the thread is there, or another fork is making it
local token, patience = ARGV[1], ARGV[2]
local holder = redis.call('GET', FORK)
if holder == token then return 1 end
if holder or redis.call('HEXISTS', RECORD, 'createdAt') == 1 then return 0 end
clear()
redis.call('SET', FORK, token, 'PX', patience)
return 1
