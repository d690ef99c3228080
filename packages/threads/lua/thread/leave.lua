#!lua flags=allow-oom
-- leave: a job has ended: the thread keeps what it did, or undoes it, and the next one has the turn. Runs even when Redis
-- is full: an end frees more than it takes.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] publish command  ARGV[2] retention (ms)  ARGV[3] job
-- ARGV[4] how it ended: 'completed' | 'failed' | 'cancelled' | 'interrupted'
-- ARGV[5] its questions (JSON list), '' for none  ARGV[6…] messages that it said (JSON)
-- RETURNS {outcome, 'next', job or '', 'bytes', of the thread now, 'head', id or ''}: next: it has the turn and no attempt
--           'left' | 'undone': head, checkpoints, messages are as before | 'erased': a private thread is gone
--         | 'over': the job has left before, or never entered | 'missing': there is no such thread
local publish, retention, job, ending, interrupts = unpack(ARGV, 1, 5)
local thread = fields('createdAt', 'active', 'claim', 'stop', 'head', 'before', 'mark', 'own', 'undone')
if not thread.createdAt then return { 'missing', 'next', '', 'bytes', 0, 'head', '' } end
local outcome, has_left = thread.undone == job and 'undone' or 'over', false

local function undo()
  undo_checkpoints({ record = RECORD, data = KEYS[8], index = KEYS[9], bytes = 0 }, job, thread.before)
  if thread.before then
    if thread.before == '' then redis.call('HDEL', RECORD, 'head') else redis.call('HSET', RECORD, 'head', thread.before) end
  end
  local mark, freed = tonumber(thread.mark or redis.call('LLEN', MESSAGES)), 0
  for _, message in ipairs(redis.call('LRANGE', MESSAGES, mark, -1)) do freed = freed + #message end
  if mark == 0 then redis.call('DEL', MESSAGES) else redis.call('LTRIM', MESSAGES, 0, mark - 1) end
  redis.call('HINCRBY', RECORD, 'bytes', 0 - freed)
  redis.call('HSET', RECORD, 'undone', job)
end

local function keep()
  local bytes = 0
  for i = 6, #ARGV do
    redis.call('RPUSH', MESSAGES, ARGV[i])
    bytes = bytes + #ARGV[i]
  end
  redis.call('HINCRBY', RECORD, 'bytes', bytes)
  redis.call('HSET', RECORD, 'last', job)
  if ending == 'failed' then redis.call('HSET', RECORD, 'failed', 1) else redis.call('HDEL', RECORD, 'failed') end
  local has_moved = thread.before and thread.before ~= (thread.head or '')
  if interrupts ~= '' then
    redis.call('HSET', RECORD, 'interrupts', interrupts)
  elseif ending == 'completed' or has_moved then
    redis.call('HDEL', RECORD, 'interrupts')
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
local after = fields('bytes', 'head')
if thread.own and has_left and not next_job and not thread.active then
  redis.call('UNLINK', unpack(KEYS))
  outcome, after = 'erased', { bytes = 0 }
end
if thread.active and not thread.claim then next_job = thread.active end
return { outcome, 'next', next_job or '', 'bytes', after.bytes, 'head', after.head or '' }
