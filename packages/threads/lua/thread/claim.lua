-- claim: let an attempt at the active job write to the thread, and no older one. The first stores what the job asks.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] job  ARGV[3] attempt  ARGV[4] its lease token  ARGV[5…] messages (JSON)
-- RETURNS {'claimed', 'head', id or '', 'interrupts', JSON list or ''}
--       | {'not-active'}: the thread is gone, another job has the turn, or a newer attempt has claimed it
local retention, job, attempt, lease_token = unpack(ARGV, 1, 4)
local thread = fields('active', 'claim', 'head', 'mark', 'interrupts')
if thread.active ~= job then return { 'not-active' } end
local claimed = (thread.claim or ''):match('^[^:]*:(%d+):')
if claimed and tonumber(claimed) > tonumber(attempt) then return { 'not-active' } end

if not thread.mark then
  thread.mark = redis.call('LLEN', MESSAGES)
  redis.call('HSET', RECORD, 'before', thread.head or '', 'mark', thread.mark)
  add_messages(5)
end
redis.call('HSET', RECORD, 'claim', job .. ':' .. attempt .. ':' .. lease_token)
touch(now_ms(), retention)
return { 'claimed', 'head', thread.head or '', 'interrupts', thread.interrupts or '' }
