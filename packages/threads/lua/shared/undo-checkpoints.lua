-- Removes what one job has stored: its checkpoints, with the messages that are new in them, and what it has written at the one
-- that it began from. The newest go first.
local function undo_checkpoints(kept, job, before)
  for _, name in ipairs(names_in(kept, 'ZREVRANGEBYLEX', name_of('c', ''))) do
    local border = name:find('\0', 1, true)
    local record = redis.call('HGET', kept.data, name_of('c', name))
    local _, _, writer = split_record(record or '\n\n\n\n\n')
    if writer == job then remove_checkpoint(kept, name:sub(1, border - 1), name:sub(border + 1)) end
  end
  if before and before ~= '' then
    local places = parts_of(kept, before)
    places[#places + 1] = { '', before }
    for _, place in ipairs(places) do
      local beginning = name_of('w', place[1], place[2], '')
      for _, name in ipairs(names_in(kept, 'ZRANGEBYLEX', beginning)) do
        local claim = (redis.call('HGET', kept.data, beginning .. name) or ''):match('^[^\n]*')
        if claim:sub(1, #job + 1) == job .. ':' then
          drop_field(kept, beginning .. name)
          drop_member(kept, beginning .. name)
        end
      end
    end
  end
  undo_message_jobs(kept, job)
  count_bytes(kept)
end
