-- renumber: of an unfinished job of a restored backup: end the attempt that nobody runs, and let the next one have a number that no
-- reader can have seen. The `reset` tells readers so, whatever they had of what is lost.
-- KEYS[1] record  KEYS[2] log  KEYS[3] channel                                   (same {tenant.id} hash tag)
-- ARGV[1] publish command  ARGV[2] time to live of an unfinished job (ms)
-- ARGV[3] how many numbers to leave out  ARGV[4] token of the restoration: sent again, it does nothing
-- RETURNS 1 renumbered, now or before | 0 there is no such job, or it has ended
local publish, ttl, left_out, token = unpack(ARGV)

local names = { 'status', 'attempt', 'seq', 'events', 'bytes', 'leaseToken', 'restoration', 'leftOut' }
local values, job = redis.call('HMGET', KEYS[1], unpack(names)), {}
for i, name in ipairs(names) do job[name] = values[i] end
if job.status ~= 'queued' and job.status ~= 'active' then return 0 end
if job.restoration == token then return 1 end

local attempt = string.format('%d', job.attempt + left_out)
local left = string.format('%d-%d', job.attempt + 1, attempt)
local id, data = attempt .. '-1', '{"attempt":' .. attempt .. ',"reason":"log-lost"}'
redis.call('XADD', KEYS[2], id, 'reset', data)
redis.call('HSET', KEYS[1], 'status', 'queued', 'attempt', attempt, 'seq', 1, 'events', job.events + 1,
  'leftOut', job.leftOut and job.leftOut .. ',' .. left or left, 'bytes', job.bytes + #data, 'released', 'log-lost', 'restoration', token)
redis.call('HDEL', KEYS[1], 'leaseToken', 'firstTokenAt')
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call(publish, KEYS[3], job.attempt .. '-' .. job.seq .. ' -\n' .. id .. ' reset ' .. data)
return 1
