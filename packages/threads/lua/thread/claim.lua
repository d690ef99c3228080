-- claim: let an attempt at the active job write to the thread, and no older one. The first stores what the job asks.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] job  ARGV[3] attempt  ARGV[4] its lease token
-- ARGV[5] how many of the messages to keep, '' for all  ARGV[6] job whose end is undone, if it was the last to end, '' for none
-- ARGV[7] bytes that its messages may have  ARGV[8…] messages
-- RETURNS {'claimed', 'head', id or ''}
--       | {'too-large'}: its messages would have more
--       | {'not-active'}: the thread is gone, another job has the turn, or a newer attempt has claimed it
local function bytes_after(kept)
  local bytes = 0
  if kept == '' then return 0 end
  for _, message in ipairs(redis.call('LRANGE', MESSAGES, kept, -1)) do bytes = bytes + #message end
  return bytes
end

local retention, job, attempt, lease_token, kept_messages, undone, max_bytes = unpack(ARGV, 1, 7)
local thread = fields('active', 'claim', 'head', 'mark', 'last', 'lastBefore')
if thread.active ~= job then return { 'not-active' } end
local claimed = (thread.claim or ''):match('^[^:]*:(%d+):')
if claimed and tonumber(claimed) > tonumber(attempt) then return { 'not-active' } end

if not thread.mark then
  local bytes = tonumber(redis.call('HGET', RECORD, 'messageBytes') or 0)
  for i = 8, #ARGV do bytes = bytes + #ARGV[i] end
  if #ARGV > 7 and bytes - bytes_after(kept_messages) > tonumber(max_bytes) then return { 'too-large' } end
  if undone ~= '' and undone == thread.last and thread.lastBefore then
    rewind(undone, thread.lastBefore)
    redis.call('HDEL', RECORD, 'last', 'lastBefore', 'failed', 'interrupts')
    redis.call('HINCRBY', RECORD, 'undos', 1)
    thread.head = fields('head').head
  end
  if kept_messages ~= '' then cut_messages(tonumber(kept_messages)) end
  thread.mark = redis.call('LLEN', MESSAGES)
  redis.call('HSET', RECORD, 'before', thread.head or '', 'mark', thread.mark)
  add_messages(8)
end
redis.call('HSET', RECORD, 'claim', job .. ':' .. attempt .. ':' .. lease_token)
touch(now_ms(), retention)
return { 'claimed', 'head', thread.head or '' }
