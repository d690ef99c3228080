-- take: a worker took the job: it waits no more, and newcomers queue behind its turn.
-- KEYS[1] queued jobs (sorted set, by turn)  KEYS[2] turns (hash, as in admit)                     (same hash tag)
-- ARGV[1] request id
-- RETURNS 1 it was queued | 0 it was not
local id = ARGV[1]
local turn = redis.call('ZSCORE', KEYS[1], id)
if not turn then return 0 end
turn = tonumber(turn)
redis.call('ZREM', KEYS[1], id)
-- never backwards: workers take side by side, and a job that was given back has turn 0
if turn > tonumber(redis.call('HGET', KEYS[2], 'taken') or 0) then
  redis.call('HSET', KEYS[2], 'taken', string.format('%.0f', turn))
end
return 1
