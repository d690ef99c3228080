#!lua flags=allow-oom
-- forget: remove a hint, unless the thread was used since it was read.
-- KEYS[1] busy threads (sorted set of references, by when a job last entered, µs)
-- ARGV[1] reference  ARGV[2] its score when it was read
-- RETURNS 1 removed | 0 it has another score, or is gone
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
