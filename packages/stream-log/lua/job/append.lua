-- append: store an attempt's next events and publish them, unless a newer attempt or an end owns the job.
-- KEYS[1] record  KEYS[2] log  KEYS[3] channel                                   (same {tenant.id} hash tag)
-- ARGV[1] publish command  ARGV[2] time to live of an unfinished job (ms), '' while it need not be renewed
-- ARGV[3] attempt  ARGV[4] its lease token  ARGV[5] seq of the first event
-- ARGV[6] max events of a log  ARGV[7] max bytes of a log  ARGV[8…] type, data (JSON) pairs, none for an empty text
-- RETURNS 1 stored | 0 stored already (the same command, sent again)
--       | -1 fenced: a newer attempt, or the queue, owns the job | -2 the job has ended
--       | -3 Redis has lost the record, the log, or events that it had acknowledged
--       | -4 over the log's limits: nothing is stored
local publish, ttl, attempt, lease_token, first = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local max_events, max_bytes = tonumber(ARGV[6]), tonumber(ARGV[7])
local call = redis.call

local job = call('HMGET', KEYS[1], 'status', 'attempt', 'seq', 'events', 'bytes', 'hasOutput', 'leaseToken')
local status, seq, has_output = job[1], tonumber(job[3]), job[6]
if not status then return -3 end
if job[2] ~= attempt then return tonumber(job[2]) > tonumber(attempt) and -1 or -3 end
-- another attempt has our number: Redis lost our begin in a fail-over, and theirs came after it
if status == 'queued' or job[7] ~= lease_token then return -1 end
if status ~= 'active' then return -2 end
if first <= seq then return 0 end
if first > seq + 1 then return -3 end

local count = (#ARGV - 7) / 2
local events, bytes = job[4] + count, tonumber(job[5])
for i = 9, #ARGV, 2 do bytes = bytes + #ARGV[i] end
if events > max_events or bytes > max_bytes then return -4 end

-- most appends are one event. Numbers are made text only where there is none: each costs as much as TIME
local time = call('TIME')
local lines, last, several = '', job[3], count > 1 and {}
for i = 8, #ARGV, 2 do
  last = i == 8 and ARGV[5] or tostring(first + (i - 8) / 2)
  local id = attempt .. '-' .. last
  -- only the first of them can find no log
  if not call('XADD', KEYS[2], 'NOMKSTREAM', id, ARGV[i], ARGV[i + 1]) then return -3 end
  local line = '\n' .. id .. ' ' .. ARGV[i] .. ' ' .. ARGV[i + 1]
  if several then several[#several + 1] = line else lines = line end
end
if several then lines = table.concat(several) end

call('HSET', KEYS[1], 'seq', last, 'events', events, 'bytes', bytes)
if not has_output then
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  call('HSET', KEYS[1], 'hasOutput', 1, 'firstTokenAt', string.format('%d', now))
end
if ttl ~= '' then
  call('PEXPIRE', KEYS[1], ttl)
  call('PEXPIRE', KEYS[2], ttl)
end
local micros = time[1] .. string.sub('00000' .. time[2], -6)
call(publish, KEYS[3], attempt .. '-' .. job[3] .. ' ' .. lease_token .. ' ' .. micros .. lines)
return 1
