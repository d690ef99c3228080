-- register: note that a thread may be there and busy from now on, before it is. Entries are hints that readers check.
-- KEYS[1] busy threads  KEYS[2] threads by when they were seen  KEYS[3] all threads  KEYS[4] the tenant's threads
--         (sorted sets of references, scores in µs)  KEYS[5] holders of ids: `<id>/<tenant>`       (same hash tag)
-- ARGV[1] reference  ARGV[2] '1': it may become busy  ARGV[3] '1': it is listed  ARGV[4] retention (ms)
-- RETURNS 1
local ref, becomes_busy, is_listed, retention = ARGV[1], ARGV[2] == '1', ARGV[3] == '1', ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function after(score) return string.format('%.0f', math.max(now, (tonumber(score or nil) or 0) + 1)) end

-- a score that grows each time tells who has seen an older one that the thread was used since
local seen = after(redis.call('ZSCORE', KEYS[2], ref))
redis.call('ZADD', KEYS[2], seen, ref)
if becomes_busy then redis.call('ZADD', KEYS[1], seen, ref) end
if is_listed and not redis.call('ZSCORE', KEYS[4], ref) then
  -- strictly increasing, so that a score alone is a cursor
  local created = after(redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2])
  redis.call('ZADD', KEYS[3], created, ref)
  redis.call('ZADD', KEYS[4], created, ref)
  redis.call('ZADD', KEYS[5], 0, (ref:gsub('^(.*)%.([^.]+)$', '%2/%1')))
end
for place = 1, 5 do redis.call('PEXPIRE', KEYS[place], retention) end
return 1
