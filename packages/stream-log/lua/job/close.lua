#!lua flags=allow-oom
-- close: store the job's one terminal event and its final status, and let go of its request. Nothing can be appended
-- afterwards. It fits also when Redis is full: an end frees more than it takes.
-- KEYS[1] record  KEYS[2] log  KEYS[3] channel                           (same {tenant.id} hash tag)
-- ARGV[1] publish command  ARGV[2] record retention (ms)  ARGV[3] log retention (ms)
-- ARGV[4] attempt that closes, '' for a caller who is no runner  ARGV[5] seq it had acknowledged, '' likewise
-- ARGV[6] final status  ARGV[7] type of the event  ARGV[8] its data (JSON)
-- ARGV[9] channel that tells the runner, '' for none: the runner closes  ARGV[10] job's reference, told there
-- ARGV[11] runner that closes, '' like the attempt  ARGV[12…] further fields of the record: name, value pairs
-- RETURNS bytes that the ended job keeps (more than 0): closed | 0 closed like this already
--       | -1 fenced: a newer attempt, or the queue, owns the job | -2 ended in another way
--       | -3 Redis has lost the record, the log, or events that it had acknowledged | -5 no such job
local publish, record_ms, log_ms = ARGV[1], ARGV[2], ARGV[3]
local attempt, acknowledged, final, event, data = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local control, ref = ARGV[9], ARGV[10]
local as_runner = attempt ~= ''

local job = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'seq', 'events', 'runner', 'bytes', 'keptBytes')
local status, seq, runner = job[1], tonumber(job[3]), job[5] or '-'
if not status then return as_runner and -3 or -5 end
if as_runner and job[2] ~= attempt then return tonumber(job[2]) > tonumber(attempt) and -1 or -3 end
if as_runner and runner ~= ARGV[11] then return -1 end
if status ~= 'queued' and status ~= 'active' then
  local same = status == final and (not as_runner or seq == acknowledged + 1)
  return same and 0 or -2
end
if as_runner and status ~= 'active' then return -1 end
if as_runner and (seq ~= acknowledged or redis.call('EXISTS', KEYS[2]) == 0) then return -3 end

local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
local before, last = job[2] .. '-' .. seq, job[2] .. '-' .. (seq + 1)
local bytes = job[6] + #data
local fields = { 'status', final, 'seq', seq + 1, 'events', job[4] + 1, 'bytes', bytes, 'finishedAt', now }
for i = 12, #ARGV do fields[#fields + 1] = ARGV[i] end

redis.call('HDEL', KEYS[1], 'request')
redis.call('XADD', KEYS[2], last, event, data)
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('PEXPIRE', KEYS[1], record_ms)
redis.call('PEXPIRE', KEYS[2], log_ms)
redis.call(publish, KEYS[3], before .. ' ' .. runner .. '\n' .. last .. ' ' .. event .. ' ' .. data)
if control ~= '' then redis.call('PUBLISH', control, ref) end
return bytes + (job[7] or 0)
