#!lua flags=allow-oom
-- leave: a job has ended: the thread keeps what it did, or undoes it, and the next one has the turn. Runs even when Redis
-- is full: an end frees more than it takes.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] publish command  ARGV[2] retention (ms)  ARGV[3] job
-- ARGV[4] how it ended: 'completed' | 'failed' | 'cancelled' | 'interrupted'
-- ARGV[5] its questions (JSON list, or sealed), '' for none  ARGV[6…] messages that it said
-- RETURNS {outcome, 'next', job that has the turn and no attempt yet, or '', 'bytes', of the thread now}
--         'left' | 'undone': head, checkpoints and messages are as before the job | 'erased': a private thread is gone
--         | 'over': the job has left before, or never entered | 'missing': there is no such thread
local publish, retention, job, ending, interrupts = unpack(ARGV, 1, 5)
local thread = fields('createdAt', 'active', 'claim', 'stop', 'head', 'before', 'mark', 'own', 'interrupts')
if not thread.createdAt then return { 'missing' } end
local outcome, has_left = 'over', false

local function undo()
  rewind(job, thread.before)
  if thread.mark then cut_messages(tonumber(thread.mark)) end
  redis.call('HINCRBY', RECORD, 'undos', 1)
end

local function keep()
  add_messages(6)
  redis.call('HSET', RECORD, 'last', job)
  if thread.before then redis.call('HSET', RECORD, 'lastBefore', thread.before) else redis.call('HDEL', RECORD, 'lastBefore') end
  if ending == 'failed' then redis.call('HSET', RECORD, 'failed', 1) else redis.call('HDEL', RECORD, 'failed') end
  if interrupts ~= '' then
    redis.call('HSET', RECORD, 'interrupts', interrupts)
  elseif ending == 'completed' or thread.before and thread.before ~= (thread.head or '') then
    redis.call('HDEL', RECORD, 'interrupts')
  elseif thread.before and thread.interrupts then
    -- the questions are open again: a part of the answer must not stay with them
    rewind(job, thread.before)
  end
end

if thread.active == job then
  local undoes = thread.stop == job .. ':rollback'
  if undoes then undo() else keep() end
  redis.call('HDEL', RECORD, 'active', 'claim', 'before', 'mark', 'stop')
  has_left, outcome, thread.active, thread.claim = true, undoes and 'undone' or 'left', nil, nil
elseif redis.call('LREM', WAITING, 1, job) + redis.call('SREM', EXPECTED, job) > 0 then
  has_left, outcome = true, 'left'
  give_turn_number(job)
end

local next_job = not thread.active and activate_next()
if has_left or next_job then
  redis.call(publish, CHANNEL, 'turn')
  touch(now_ms(), retention)
end
local bytes = redis.call('HGET', RECORD, 'bytes')
if thread.own and has_left and not next_job and not thread.active then
  redis.call('UNLINK', unpack(KEYS))
  outcome, bytes = 'erased', 0
end
if thread.active and not thread.claim then next_job = thread.active end
return { outcome, 'next', next_job or '', 'bytes', bytes }
