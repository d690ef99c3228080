-- survey: read what all processes told, and count open jobs by tenant. Its cost is bounded by ARGV[3], not by the jobs.
-- KEYS[1] reports: hash of process → `<seen, ms> <JSON>`  KEYS[2] watched (string)  KEYS[3] orders: hash of worker → order
-- KEYS[4] open jobs  KEYS[5] queued jobs (sorted sets)                                             (same hash tag)
-- ARGV[1] a report that is older is removed (ms)  ARGV[2] how long processes report more often now (ms), 0 to leave that
-- ARGV[3] the most open jobs that are counted, oldest first, at most 10,000; 0 for none  ARGV[4] how many of them are named
-- RETURNS {now (ms), open, queued, {process, `<seen> <JSON>` …}, {worker, order …},
--          {tenant, queued, active, arrival of its first queued job (µs) or '' …}, {reference …}}
local lost_ms, watched_ms, max_counted, max_named = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if watched_ms ~= '0' then redis.call('SET', KEYS[2], '1', 'PX', watched_ms) end

local reports, fields = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if tonumber(fields[i + 1]:match('^%d+')) >= now - lost_ms then
    reports[#reports + 1], reports[#reports + 2] = fields[i], fields[i + 1]
  else
    redis.call('HDEL', KEYS[1], fields[i])
    redis.call('HDEL', KEYS[3], fields[i])
  end
end

local counts, by_tenant, named = {}, {}, {}
local function count(open, scores)
  for i = 1, #open, 2 do
    local tenant = open[i]:match('^[^.]*')
    local row = by_tenant[tenant]
    if not row then
      row = { tenant, 0, 0, '' }
      by_tenant[tenant], counts[#counts + 1] = row, row
    end
    local is_queued = scores[(i + 1) / 2]
    if is_queued and row[4] == '' then row[4] = open[i + 1] end
    row[is_queued and 2 or 3] = row[is_queued and 2 or 3] + 1
    if #named < max_named then named[#named + 1] = open[i] end
  end
end
for first = 0, max_counted - 1, 500 do
  local last = math.min(first + 500, max_counted) - 1
  local open, members = redis.call('ZRANGE', KEYS[4], first, last, 'WITHSCORES'), {}
  for i = 1, #open, 2 do members[#members + 1] = open[i] end
  if #members == 0 then break end
  count(open, redis.call('ZMSCORE', KEYS[5], unpack(members)))
end
local flat = {}
for _, row in ipairs(counts) do for i = 1, 4 do flat[#flat + 1] = row[i] end end
return { now, redis.call('ZCARD', KEYS[4]), redis.call('ZCARD', KEYS[5]), reports, redis.call('HGETALL', KEYS[3]), flat, named }
