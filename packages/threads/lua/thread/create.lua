-- create: make a thread, or merge metadata into one that is there.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] metadata (JSON object of strings), '' for none given  ARGV[3] max keys of it
-- ARGV[4] token of the call: sent again, it has made the thread
-- RETURNS 1 made | 0 it was there | -1 its metadata would have too many keys | -2 a fork is making it
local retention, metadata, max_keys, token = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local thread = fields('createdAt', 'metadata', 'madeBy')
local now = now_ms()

if not thread.createdAt then
  if redis.call('EXISTS', FORK) == 1 then return -2 end
  clear()
  create_record(now, metadata == '' and '{}' or metadata)
  redis.call('HSET', RECORD, 'madeBy', token)
  touch(now, retention)
  return 1
end
if thread.madeBy == token then return 1 end
local given = cjson.decode(metadata == '' and '{}' or metadata)
if not next(given) then return 0 end

local merged, count = cjson.decode(thread.metadata), 0
for name, value in pairs(given) do merged[name] = value end
for _ in pairs(merged) do count = count + 1 end
if count > max_keys then return -1 end
local json = cjson.encode(merged)
redis.call('HSET', RECORD, 'metadata', json)
redis.call('HINCRBY', RECORD, 'bytes', #json - #thread.metadata)
touch(now, retention)
return 0
