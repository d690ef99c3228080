-- write: store what a task has written at a checkpoint, unless another attempt owns the thread.
-- KEYS[1] the thread's record  KEYS[2] checkpoints  KEYS[3] their index                    (same {thread:…} hash tag)
-- ARGV[1] claim of the attempt; '' for none  ARGV[2] namespace  ARGV[3] id of the checkpoint  ARGV[4] task
-- ARGV[5] time to live (ms)  ARGV[6] max bytes of all checkpoints  ARGV[7…] number, write pairs; a number below 0 (an
--         error, an interrupt, an answer) replaces what is there
-- RETURNS 1 | -1 fenced: another attempt has claimed the thread | -3 over the limit of bytes
local claim, namespace, id, task = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ttl, max_bytes = ARGV[5], tonumber(ARGV[6])
local kept = { record = KEYS[1], data = KEYS[2], index = KEYS[3], bytes = 0 }

if claim ~= '' and redis.call('HGET', KEYS[1], 'claim') ~= claim then return -1 end
local given_bytes = 0
for i = 8, #ARGV, 2 do given_bytes = given_bytes + #ARGV[i] end
if tonumber(redis.call('HGET', KEYS[2], 'b') or 0) + given_bytes > max_bytes then return -3 end

local beginning = name_of('w', namespace, id, task, '')
local function is_ours(field)
  local write = redis.call('HGET', KEYS[2], field)
  return write and write:sub(1, #claim + 1) == claim .. '\n'
end
-- the task runs again: what an earlier attempt has stored of it is void, also where it wrote more
local repeats = false
for i = 7, #ARGV, 2 do repeats = repeats or tonumber(ARGV[i]) >= 0 end
if repeats and claim ~= '' then
  for _, number in ipairs(names_in(kept, 'ZRANGEBYLEX', beginning)) do
    if tonumber(number) >= 0 and not is_ours(beginning .. number) then
      drop_field(kept, beginning .. number)
      drop_member(kept, beginning .. number)
    end
  end
end
for i = 7, #ARGV, 2 do
  local field = beginning .. ARGV[i]
  if tonumber(ARGV[i]) < 0 or redis.call('HEXISTS', KEYS[2], field) == 0 then
    set_field(kept, field, claim .. '\n' .. ARGV[i + 1])
    add_member(kept, field)
  end
end
count_bytes(kept)
keep_alive(kept, ttl)
return 1
