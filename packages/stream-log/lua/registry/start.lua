-- start: workers have started jobs: they are queued no more, and newcomers go behind their fair turns.
-- KEYS[1] queued jobs (sorted set, by fair turn)  KEYS[2] fair turns (hash, as in admit)           (same hash tag)
-- ARGV[1…] references
-- RETURNS how many of them were queued
local latest, queued = 0, 0
for _, fair_turn in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(ARGV))) do
  if fair_turn then
    queued = queued + 1
    latest = math.max(latest, tonumber(fair_turn))
  end
end
if queued == 0 then return 0 end
redis.call('ZREM', KEYS[1], unpack(ARGV))
-- never backwards: workers report side by side, and a job that was given back has turn 0
if latest > tonumber(redis.call('HGET', KEYS[2], 'started') or 0) then
  redis.call('HSET', KEYS[2], 'started', string.format('%.0f', latest))
end
return queued
