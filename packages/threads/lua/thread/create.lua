-- create: make a thread.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] metadata (JSON object of strings, or sealed)
-- ARGV[3] token of the call: sent again, it has made the thread
-- RETURNS 1 made | 0 it was there | -2 a fork is making it
local retention, metadata, token = ARGV[1], ARGV[2], ARGV[3]
local thread = fields('createdAt', 'madeBy')
if thread.createdAt then return thread.madeBy == token and 1 or 0 end
if redis.call('EXISTS', FORK) == 1 then return -2 end

local now = now_ms()
clear()
create_record(now, metadata)
redis.call('HSET', RECORD, 'madeBy', token)
touch(now, retention)
return 1
