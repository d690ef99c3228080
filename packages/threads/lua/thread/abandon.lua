#!lua flags=allow-oom
-- abandon: a fork gives up: nothing of it is left.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] token of the fork
-- RETURNS 1 | 0 it has finished, or another fork has taken over
if redis.call('GET', FORK) ~= ARGV[1] then return 0 end
clear()
redis.call('DEL', FORK)
return 1
