-- The ledger: what the jobs of a tenant have used, by day (days since 1970, UTC; a job counts on the day of its admission).
-- usage_key  hash of reference → entry (JSON): what is counted of a job, until its record expires. Fields: day, pipeline,
--            model, reserved, counted, ended, total (its attempts, once it has ended and they are known),
--            leftOut: `<from>-<to>,…`, numbers that no attempt had (renumber.lua),
--            attempts: number → { exact, rows },
--            rows: lists of { model, input, output, estimated, cost (10^-12, '' without a price) }
-- The sums are beside it, in the hash `<usage_key>:<day>`: `used`, `reserved`, `limit`, and `<what> <pipeline> <model>`.

local LEDGER_DAYS = 400

local function ledger_day(now_s) return string.format('%d', math.floor(now_s / 86400)) end

local function read_entry(usage_key, ref)
  local stored = redis.call('HGET', usage_key, ref)
  return stored and cjson.decode(stored)
end

local function write_entry(usage_key, ref, entry) redis.call('HSET', usage_key, ref, cjson.encode(entry)) end

local function add_to_day(day_key, field, count)
  if count ~= 0 then redis.call('HINCRBY', day_key, field, string.format('%.0f', count)) end
end

local function keep_day(day_key, day) redis.call('EXPIREAT', day_key, (day + 1 + LEDGER_DAYS) * 86400) end

-- max_tokens: how many tokens a tenant may use on a day: a number, 'none', or '' when the caller does not know.
-- RETURNS how many are left, negative if the limit was passed | nil without a limit
local function left_of_day(day_key, max_tokens)
  if not tonumber(max_tokens) then return nil end
  local used, reserved = unpack(redis.call('HMGET', day_key, 'used', 'reserved'))
  return max_tokens - (used or 0) - (reserved or 0)
end

-- Begins to count a job. max_tokens: as above; what running jobs reserve is compared with it.
local function open_entry(usage_key, ref, entry, max_tokens)
  local day_key, limit = usage_key .. ':' .. entry.day, tonumber(max_tokens)
  entry.reserved, entry.attempts = limit and entry.reserved or 0, {}
  write_entry(usage_key, ref, entry)
  if max_tokens == 'none' then redis.call('HDEL', day_key, 'limit') end
  if not limit then return end
  redis.call('HSET', day_key, 'limit', max_tokens)
  add_to_day(day_key, 'reserved', entry.reserved)
  keep_day(day_key, entry.day)
end

local function release_reserved(usage_key, entry)
  add_to_day(usage_key .. ':' .. entry.day, 'reserved', -entry.reserved)
  entry.reserved = 0
end

-- Forgets a job that the ledger will hear of no more. Its sums stay.
local function forget_usage(usage_key, unsettled_key, ref)
  local entry = read_entry(usage_key, ref)
  if not entry then return end
  release_reserved(usage_key, entry)
  redis.call('HDEL', usage_key, ref)
  redis.call('ZREM', unsettled_key, ref)
end
