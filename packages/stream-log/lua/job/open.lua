-- open: store a new job's record and its `accepted` event, or recognise the job that holds the id already.
-- KEYS[1] record  KEYS[2] log  KEYS[3] channel                           (same {tenant.id} hash tag)
-- ARGV[1] publish command  ARGV[2] time to live of an unfinished job (ms)
-- ARGV[3] fingerprint of the body  ARGV[4] the fingerprint that a record without encryption has of it
-- ARGV[5] data of `accepted` (JSON)  ARGV[6…] further fields of the record: name, value pairs
-- RETURNS when it was opened (ms) | 0 the same job exists | -1 another job of the tenant holds the id
local publish, ttl, fingerprint, plain, accepted = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local existing = redis.call('HGET', KEYS[1], 'fingerprint')
if existing then return (existing == fingerprint or existing == plain) and 0 or -1 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fields = { 'fingerprint', fingerprint, 'status', 'queued', 'attempt', 0, 'seq', 1,
  'events', 1, 'bytes', #accepted, 'createdAt', string.format('%d', now) }
for i = 6, #ARGV do fields[#fields + 1] = ARGV[i] end

-- a log that outlived its record is of a job that is gone
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('XADD', KEYS[2], '0-1', 'accepted', accepted)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call(publish, KEYS[3], '0-0 - ' .. string.format('%d%06d', time[1], time[2]) .. '\n0-1 accepted ' .. accepted)
return now
