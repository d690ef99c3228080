-- What the scripts of a thread share. Their KEYS, with the same {thread:…} hash tag:
--   1 record  2 channel  3 fork that is making the thread  4 jobs by turn  5 waiting jobs  6 expected jobs  7 messages
--   8 checkpoints  9 their index
-- Fields of the record (hash); absent where there is nothing:
--   format: see format.lua
--   createdAt, updatedAt (ms)  metadata (JSON, or sealed)  turn: number of the last one  bytes: what the thread has in Redis
--   messageBytes: of its messages alone
--   active: job that has the turn  last: job that ended last  failed: 1, it failed
--   interrupts: open questions (JSON list, or sealed; each with the pipeline that asked); hidden while a job has the turn, gone once it has moved the thread on
--   claim: `<job>:<attempt>:<lease token>` of the active job, compared by every write of its attempts
--   head: id of the checkpoint that the thread stands at
--   before: what `head` was when the active job was first claimed, '' for nothing  mark: how many messages there were
--   lastBefore: what `before` was for `last`; absent where that was never claimed
--   undos: how many jobs were undone
--   madeBy: token of the call that made the thread
--   through: of a fork: the job of the other thread that it ends with
--   stop: `<job>:interrupt` or `<job>:rollback`, what to do when that job leaves
--   own: 1, the private thread of one job, which goes with it
--   erasing: when somebody began to erase it, job by job (ms); may have failed since
local RECORD, CHANNEL, FORK, JOBS, WAITING, EXPECTED, MESSAGES = unpack(KEYS, 1, 7)
-- what a thread without content takes, bytes, about
local BYTES_OF_THREAD, BYTES_OF_JOB = 500, 100
-- a thread outlives the jobs that are in it or expected, however short its own retention is: 14 days, ms
local MIN_RETENTION_WHILE_OPEN = 14 * 86400 * 1000
-- how many of the jobs that have left are remembered
local MAX_JOBS = 10000

local function fields(...)
  local values, thread = redis.call('HMGET', RECORD, ...), {}
  for i, name in ipairs({ ... }) do thread[name] = values[i] or nil end
  return thread
end

local function now_ms()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
end

local function create_record(now, metadata)
  redis.call('HSET', RECORD, 'format', 1, 'createdAt', now, 'metadata', metadata)
  redis.call('HINCRBY', RECORD, 'bytes', BYTES_OF_THREAD + #metadata)
end

-- Removes what a fork has left that was never finished, or an attempt that wrote without a claim.
local function clear() redis.call('UNLINK', RECORD, unpack(KEYS, 4)) end

-- Every change renews all keys of a thread, so that they expire together.
local function touch(now, retention)
  redis.call('HSET', RECORD, 'updatedAt', now)
  if redis.call('HEXISTS', RECORD, 'active') + redis.call('EXISTS', EXPECTED) > 0 then
    retention = string.format('%d', math.max(retention, MIN_RETENTION_WHILE_OPEN))
  end
  redis.call('PEXPIRE', RECORD, retention)
  for place = 4, #KEYS do redis.call('PEXPIRE', KEYS[place], retention) end
end

-- Gives a job the thread's next number, for good.
local function give_turn_number(job)
  local turn = redis.call('HINCRBY', RECORD, 'turn', 1)
  redis.call('ZADD', JOBS, turn, job)
  local forgotten = redis.call('ZREMRANGEBYSCORE', JOBS, '-inf', turn - MAX_JOBS)
  redis.call('HINCRBY', RECORD, 'bytes', BYTES_OF_JOB * (1 - forgotten))
end

-- RETURNS the job that has the turn now: the first that waits; nil where none does
local function activate_next()
  local job = redis.call('LPOP', WAITING)
  if not job then return nil end
  redis.call('HSET', RECORD, 'active', job)
  give_turn_number(job)
  return job
end

local function count_messages(bytes)
  redis.call('HINCRBY', RECORD, 'bytes', bytes)
  redis.call('HINCRBY', RECORD, 'messageBytes', bytes)
end

-- Adds the messages (JSON, or sealed) that are arguments from this place on.
local function add_messages(first)
  local bytes = 0
  for i = first, #ARGV do
    redis.call('RPUSH', MESSAGES, ARGV[i])
    bytes = bytes + #ARGV[i]
  end
  count_messages(bytes)
end

-- Removes the messages after the first `count`.
local function cut_messages(count)
  local freed = 0
  for _, message in ipairs(redis.call('LRANGE', MESSAGES, count, -1)) do freed = freed + #message end
  if count == 0 then redis.call('DEL', MESSAGES) else redis.call('LTRIM', MESSAGES, 0, count - 1) end
  -- Lua writes 0 as -0 here, which is no integer to Redis
  if freed > 0 then count_messages(-freed) end
end
