-- Which job has brought a message of the root graph's state: the first whose checkpoint has it.
-- how many of a thread's messages this is remembered for, the newest
local MOST_MESSAGES = 10000

-- @param checkpoint the first that has the message
-- @param stored_by job that stores this checkpoint, with which it is undone; '' for none
local function add_message_job(kept, checkpoint, message, job, stored_by)
  local field = name_of('m', message)
  if redis.call('HEXISTS', kept.data, field) == 1 then return end
  set_field(kept, field, (stored_by == job or stored_by == '') and job or job .. '\n' .. stored_by)
  add_member(kept, name_of('m', checkpoint, message))
end

local function drop_message_job(kept, name)
  drop_field(kept, name_of('m', name:match('^%Z*%z(.*)$')))
  drop_member(kept, name_of('m', name))
end

local function prune_message_jobs(kept)
  local beginning = name_of('m', '')
  local excess = redis.call('ZLEXCOUNT', kept.index, '[' .. beginning, '(' .. beginning .. '\255') - MOST_MESSAGES
  if excess <= 0 then return end
  for _, name in ipairs(names_in(kept, 'ZRANGEBYLEX', beginning, 'LIMIT', 0, excess)) do drop_message_job(kept, name) end
end

local function undo_message_jobs(kept, job)
  for _, name in ipairs(names_in(kept, 'ZRANGEBYLEX', name_of('m', ''))) do
    local jobs = redis.call('HGET', kept.data, name_of('m', name:match('^%Z*%z(.*)$'))) or ''
    if jobs:match('[^\n]*$') == job then drop_message_job(kept, name) end
  end
end
