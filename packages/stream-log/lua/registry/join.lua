-- join: list a job among those of its thread, in the order of their arrival.
-- KEYS[1] the tenant's jobs  KEYS[2] the thread's jobs (sorted sets of references, by arrival in µs)  (same hash tag)
-- ARGV[1] reference  ARGV[2] retention (ms)
-- RETURNS 1 listed | 0 the job was not admitted
local ref, retention_ms = ARGV[1], tonumber(ARGV[2])
local arrival = redis.call('ZSCORE', KEYS[1], ref)
if not arrival then return 0 end
redis.call('ZADD', KEYS[2], arrival, ref)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', arrival - retention_ms * 1000))
redis.call('PEXPIRE', KEYS[2], retention_ms)
return 1
