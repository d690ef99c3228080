-- unreserve: delete an idempotency key whose request was refused, or whose job is erased, unless it stands for another job.
-- KEYS[1] the key
-- ARGV[1] job id that it was reserved for
-- RETURNS 1 deleted | 0 it stands for another job, or is gone
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
