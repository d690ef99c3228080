-- renew: a fork is still at work.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] token of the fork  ARGV[2] how long until it must renew again (ms)
-- RETURNS 1 | 0 it has finished, or its time was up
if redis.call('GET', FORK) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', FORK, ARGV[2])
