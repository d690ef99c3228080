-- Counts reports in the ledger (shared/ledger).
local MAX_FIELDS = 1000

local function add_rows(day_key, entry, rows, sign)
  for _, row in ipairs(rows) do
    local model, input, output, estimated, cost = unpack(row)
    local at = ' ' .. entry.pipeline .. ' ' .. model
    add_to_day(day_key, 'input' .. at, sign * input)
    add_to_day(day_key, 'output' .. at, sign * output)
    add_to_day(day_key, 'estimated' .. at, sign * estimated)
    if cost == '' then add_to_day(day_key, 'unpriced' .. at, sign * (input + output))
    else add_to_day(day_key, 'cost' .. at, sign * tonumber(cost)) end
    add_to_day(day_key, 'used', sign * (input + output))
  end
end

-- A model whose name a caller has chosen must not make the day grow without a bound.
local function bounded_model(day_key, entry, model)
  if redis.call('HLEN', day_key) < MAX_FIELDS then return model end
  return redis.call('HEXISTS', day_key, 'jobs ' .. entry.pipeline .. ' ' .. model) == 1 and model or 'other'
end

local function tokens_in(rows)
  local sum = 0
  for _, row in ipairs(rows) do sum = sum + row[2] + row[3] end
  return sum
end

-- What the worker reported replaces an estimate, and more replaces less: so reports may come twice, and in any order.
local function replaces(after, before)
  if not before then return true end
  if after.exact ~= before.exact then return after.exact end
  return tokens_in(after.rows) > tokens_in(before.rows)
end

-- Keeps a new day for as long as days are kept, and lists its tenant.
local function note_day(day_key, tenants_key, ref, day, now_ms)
  keep_day(day_key, day)
  redis.call('ZADD', tenants_key, 'GT', day, (ref:gsub('%.[^.]+$', '')))
  redis.call('ZREMRANGEBYSCORE', tenants_key, '-inf', math.floor(now_ms / 86400000) - LEDGER_DAYS - 1)
end

-- RETURNS whether each number up to the last is counted, or was left out
local function is_counted(entry)
  local counted = {}
  for from, to in (entry.leftOut or ''):gmatch('(%d+)-(%d+)') do
    for number = tonumber(from), tonumber(to) do counted[number] = true end
  end
  for number = 1, entry.total or 0 do
    if not counted[number] and entry.attempts[tostring(number)] == nil then return false end
  end
  return entry.total ~= nil
end

-- Counts what a report (JSON: attempts, as in the entry, and total, if the job has ended: a number or 'unknown') says more
-- than was counted. A job that has ended is unsettled while an attempt of it is not counted.
local function count_usage(keys, ref, report_json, now_ms)
  local usage_key, unsettled_key, tenants_key = unpack(keys)
  local entry, report = read_entry(usage_key, ref), cjson.decode(report_json)
  if not entry then return end
  local day_key = usage_key .. ':' .. entry.day
  if not entry.counted then
    entry.counted, entry.model = true, bounded_model(day_key, entry, entry.model)
    local is_first = redis.call('HINCRBY', day_key, 'jobs ' .. entry.pipeline .. ' ' .. entry.model, 1) == 1
    if is_first then note_day(day_key, tenants_key, ref, entry.day, now_ms) end
  end
  for number, attempt in pairs(report.attempts) do
    local before = entry.attempts[number]
    if replaces(attempt, before) then
      for _, row in ipairs(attempt.rows) do
        if row[1] ~= entry.model then row[1] = bounded_model(day_key, entry, row[1]) end
      end
      if before then add_rows(day_key, entry, before.rows, -1)
      else add_to_day(day_key, 'attempts ' .. entry.pipeline .. ' ' .. entry.model, 1) end
      add_rows(day_key, entry, attempt.rows, 1)
      entry.attempts[number] = attempt
    end
  end
  local was_ended = entry.ended
  -- an older report may come later
  if tonumber(report.total) then entry.total = math.max(tonumber(report.total), entry.total or 0) end
  entry.ended = entry.ended or report.total ~= nil or nil
  entry.leftOut = report.leftOut or entry.leftOut
  if is_counted(entry) then
    release_reserved(usage_key, entry)
    if was_ended then redis.call('ZREM', unsettled_key, ref) end
  elseif entry.ended then
    redis.call('ZADD', unsettled_key, 'NX', now_ms, ref)
  end
  write_entry(usage_key, ref, entry)
end
