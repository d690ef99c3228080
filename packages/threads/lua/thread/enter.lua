-- enter: give a job its place in a thread: it has the turn, or waits, or is refused. Asked again, it is told the same.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] publish command  ARGV[2] retention (ms)  ARGV[3] job
-- ARGV[4] when another job has the turn: 'enqueue' | 'reject' | 'interrupt' | 'rollback'
-- ARGV[5] 'message' | 'resume': answers the thread's questions
-- ARGV[6] 'own': a private thread | 'expected': refuse a job that `expect` has not announced
--         | 'anew': a job that has left enters again, as another one with its id | ''
-- ARGV[7] sha1 of the questions that it answers, as they are stored, '' for any
-- ARGV[8] the job after which it comes: must be the last of the thread; '' for any
-- RETURNS {'run'} | {'wait'} | {'cancel-first', 'jobId', the active job}: this one is next
--       | {'busy'} | {'not-interrupted'} | {'unknown-thread'} | {'over'}: the job has left
--       | {'moved-on'}: another job came after that one
local publish, retention, job, on_busy, kind, manner, answers, continues = unpack(ARGV, 1, 8)
local goes_first = on_busy == 'interrupt' or on_busy == 'rollback'
local thread = fields('createdAt', 'active', 'stop', 'interrupts', 'own', 'last', 'through')

if thread.active == job then return { 'run' } end
if manner ~= 'anew' and redis.call('ZSCORE', JOBS, job) then return { 'over' } end
local stopped, how = (thread.stop or ''):match('^(.*):(.*)$')
if redis.call('LPOS', WAITING, job) then
  return goes_first and stopped == thread.active and { 'cancel-first', 'jobId', stopped } or { 'wait' }
end
if manner == 'expected' and redis.call('SISMEMBER', EXPECTED, job) == 0 then return { 'over' } end
local is_idle = not thread.active and redis.call('EXISTS', WAITING) == 0
if kind == 'resume' then
  if not thread.createdAt then return { 'unknown-thread' } end
  if not is_idle or not thread.interrupts then return { 'not-interrupted' } end
  if answers ~= '' and redis.sha1hex(thread.interrupts) ~= answers then return { 'not-interrupted' } end
elseif not is_idle and on_busy == 'reject' then
  return { 'busy' }
end
if not thread.createdAt and redis.call('EXISTS', FORK) == 1 then return { 'busy' } end

local last = redis.call('LINDEX', WAITING, -1) or thread.active or thread.last or thread.through
if continues ~= '' and last ~= continues then return { 'moved-on' } end

local now = now_ms()
if not thread.createdAt then
  clear()
  create_record(now, '{}')
  if manner == 'own' then redis.call('HSET', RECORD, 'own', 1) end
end
redis.call('SREM', EXPECTED, job)
redis.call(goes_first and 'LPUSH' or 'RPUSH', WAITING, job)
local outcome = { 'wait' }
if not thread.active then
  if activate_next() == job then outcome = { 'run' } end
  redis.call(publish, CHANNEL, 'turn')
elseif goes_first then
  -- what one job asks to undo, a later one cannot ask to keep
  if stopped ~= thread.active or how ~= 'rollback' then redis.call('HSET', RECORD, 'stop', thread.active .. ':' .. on_busy) end
  outcome = { 'cancel-first', 'jobId', thread.active }
end
touch(now, retention)
return outcome
