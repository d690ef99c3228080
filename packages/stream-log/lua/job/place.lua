#!lua flags=allow-oom
-- place: note that a job has its place in its thread, so that no other request with its id refuses it.
-- KEYS[1] record
-- RETURNS 1 noted | 0 no such job: it was refused, or has expired
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'placed', 1)
return 1
