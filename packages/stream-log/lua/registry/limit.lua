#!lua flags=allow-oom
-- limit: change what the running jobs of a tenant may use: what they reserve more is compared with it.
-- KEYS[1] the tenant's usage (see shared/ledger)
-- ARGV[1] tokens of a day, or 'none'
local usage_key, max_tokens = KEYS[1], ARGV[1]
local today = ledger_day(tonumber(redis.call('TIME')[1]))
-- a job counts on the day of its admission, which may be yesterday
for day = today - 1, today do
  local day_key = usage_key .. ':' .. string.format('%d', day)
  if max_tokens == 'none' then
    redis.call('HDEL', day_key, 'limit')
  elseif day == tonumber(today) or redis.call('EXISTS', day_key) == 1 then
    redis.call('HSET', day_key, 'limit', max_tokens)
    keep_day(day_key, day)
  end
end
return 1
