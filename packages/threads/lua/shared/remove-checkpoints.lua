-- Removal of checkpoints, with what belongs to them.

local function split_record(record) return record:match('^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n') end

local function remove_writes(kept, namespace, id)
  local beginning = name_of('w', namespace, id, '')
  for _, name in ipairs(names_in(kept, 'ZRANGEBYLEX', beginning)) do
    drop_field(kept, beginning .. name)
    drop_member(kept, beginning .. name)
  end
end

local function remove_checkpoint(kept, namespace, id)
  local field = name_of('c', namespace, id)
  local record = redis.call('HGET', kept.data, field)
  if not record then return end
  local parent, root, _, delta, pieces = split_record(record)
  drop_field(kept, field)
  drop_member(kept, field)
  if root ~= '' then drop_member(kept, name_of('s', root, namespace, id)) end
  each_name(pieces, 1, function(piece) release_piece(kept, piece) end)
  remove_writes(kept, namespace, id)
  redis.call('HDEL', kept.data, name_of('k', namespace, id), name_of('x', id))
  if delta == '1' and parent ~= '' then
    local needed = name_of('k', namespace, parent)
    if redis.call('HINCRBY', kept.data, needed, -1) <= 0 then redis.call('HDEL', kept.data, needed) end
  end
  if head_of(kept, namespace) == id then
    set_head(kept, namespace, names_in(kept, 'ZREVRANGEBYLEX', name_of('c', namespace, ''), 'LIMIT', 0, 1)[1])
  end
end

-- The checkpoints of subgraphs that belong to one of the root graph: {{namespace, id}, …}.
local function parts_of(kept, root, ...)
  local parts = names_in(kept, 'ZRANGEBYLEX', name_of('s', root, ''), ...)
  for i, part in ipairs(parts) do
    local at = part:find('\0', 1, true)
    parts[i] = { part:sub(1, at - 1), part:sub(at + 1) }
  end
  return parts
end
