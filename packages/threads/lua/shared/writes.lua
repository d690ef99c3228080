-- What tasks write at a checkpoint: arguments `namespace, id, task, count`, then `count` pairs of number and write. A number
-- below 0 (an error, an interrupt, an answer) replaces what is there.

-- Reads `tasks` such lists from the arguments from `first` on.
-- RETURNS them, the bytes of their writes, the place after them
local function given_writes(first, tasks)
  local all, bytes = {}, 0
  for _ = 1, tasks do
    local namespace, id, task, count = unpack(ARGV, first, first + 3)
    local last = first + 3 + 2 * count
    all[#all + 1] = { beginning = name_of('w', namespace, id, task, ''), first = first + 4, last = last }
    for i = first + 5, last, 2 do bytes = bytes + #ARGV[i] end
    first = last + 1
  end
  return all, bytes, first
end

-- The task runs again: what an earlier attempt has stored of it is void, also where it wrote more.
local function drop_void(kept, claim, beginning)
  for _, number in ipairs(names_in(kept, 'ZRANGEBYLEX', beginning)) do
    local field = beginning .. number
    local write = redis.call('HGET', kept.data, field)
    if tonumber(number) >= 0 and not (write and write:sub(1, #claim + 1) == claim .. '\n') then
      drop_field(kept, field)
      drop_member(kept, field)
    end
  end
end

local function store_writes(kept, claim, task)
  local repeats = false
  for i = task.first, task.last, 2 do repeats = repeats or tonumber(ARGV[i]) >= 0 end
  if repeats and claim ~= '' then drop_void(kept, claim, task.beginning) end
  for i = task.first, task.last, 2 do
    local field = task.beginning .. ARGV[i]
    if tonumber(ARGV[i]) < 0 or redis.call('HEXISTS', kept.data, field) == 0 then
      set_field(kept, field, claim .. '\n' .. ARGV[i + 1])
      add_member(kept, field)
    end
  end
end
