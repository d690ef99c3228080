#!lua flags=allow-oom
-- remove: a thread is gone: so are its entries, unless it was used since.
-- KEYS as in register                                                                              (same hash tag)
-- ARGV[1] reference  ARGV[2] when it was seen last, as read before it was found to be gone
-- RETURNS 1 removed | 0 somebody has used it since
local ref, seen = ARGV[1], ARGV[2]
if redis.call('ZSCORE', KEYS[2], ref) ~= seen then return 0 end
for place = 1, 4 do redis.call('ZREM', KEYS[place], ref) end
redis.call('ZREM', KEYS[5], (ref:gsub('^(.*)%.([^.]+)$', '%2/%1')))
return 1
