-- report: store what a process tells of itself, and answer what it is told.
-- KEYS[1] reports: hash of process → `<seen, ms> <JSON>`  KEYS[2] watched: string that exists while somebody watches
-- KEYS[3] orders: hash of worker → order                                                           (same hash tag)
-- ARGV[1] process  ARGV[2] its report (JSON)  ARGV[3] how long all reports outlive the last one (ms)
-- RETURNS {1 | 0 somebody watches, order, '' for none}
local process, report, keep_ms = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], process, string.format('%d', now) .. ' ' .. report)
-- while nobody watches (survey), the reports of the dead are removed by whoever comes in this millisecond of fifty
if now % 50 == 0 then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if tonumber(all[i + 1]:match('^%d+')) < now - keep_ms then redis.call('HDEL', KEYS[1], all[i]) end
  end
end
redis.call('PEXPIRE', KEYS[1], keep_ms)
return { redis.call('EXISTS', KEYS[2]), redis.call('HGET', KEYS[3], process) or '' }
