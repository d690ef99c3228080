-- reserve: let one fork make a thread of this id. The same request again replaces it: its node may have died.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] token of the fork  ARGV[2] how long until it must renew (ms)
-- ARGV[3] what the tokens of the same request begin with
-- RETURNS 1 | 0 the thread is there, or the fork of another request is making it
local token, patience, request = ARGV[1], ARGV[2], ARGV[3]
local holder = redis.call('GET', FORK)
if holder == token then return 1 end
if holder and holder:sub(1, #request) ~= request then return 0 end
if redis.call('HEXISTS', RECORD, 'createdAt') == 1 then return 0 end
clear()
redis.call('SET', FORK, token, 'PX', patience)
return 1
