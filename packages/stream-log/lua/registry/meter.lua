#!lua flags=allow-oom
-- meter: count in the ledger what attempts of a job have used. Repeated, it counts once.
-- KEYS[1] the tenant's usage  KEYS[2] unsettled jobs (by when they ended, ms)  KEYS[3] tenants with usage
--         (see shared/ledger)                                                                     (same hash tag)
-- ARGV[1] reference  ARGV[2] report (JSON)
-- RETURNS 1
local time = redis.call('TIME')
count_usage(KEYS, ARGV[1], ARGV[2], time[1] * 1000 + math.floor(time[2] / 1000))
return 1
