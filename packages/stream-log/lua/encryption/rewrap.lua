-- rewrap: replace the wrapping of a tenant's data key, unless the key was destroyed or replaced meanwhile.
-- KEYS[1] data keys (hash: tenant → `<key id> <master key id> <wrapped key>`)
-- ARGV[1] tenant  ARGV[2] what was read  ARGV[3] what replaces it
-- RETURNS 1 replaced | 0 it is another key by now, or none
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
