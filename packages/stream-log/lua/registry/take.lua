-- take: a worker took jobs: they wait no more, and newcomers queue behind their turns.
-- KEYS[1] queued jobs (sorted set, by turn)  KEYS[2] turns (hash, as in admit)                     (same hash tag)
-- ARGV[1…] references
-- RETURNS how many of them were queued
local latest, queued = 0, 0
for _, turn in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(ARGV))) do
  if turn then
    queued = queued + 1
    latest = math.max(latest, tonumber(turn))
  end
end
if queued == 0 then return 0 end
redis.call('ZREM', KEYS[1], unpack(ARGV))
-- never backwards: workers take side by side, and a job that was given back has turn 0
if latest > tonumber(redis.call('HGET', KEYS[2], 'taken') or 0) then
  redis.call('HSET', KEYS[2], 'taken', string.format('%.0f', latest))
end
return queued
