-- unclaim: let go of an idempotency key whose request was refused.
-- KEYS[1] the key
-- ARGV[1] request id that it was claimed for
-- RETURNS 1 let go | 0 it stands for another id
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
