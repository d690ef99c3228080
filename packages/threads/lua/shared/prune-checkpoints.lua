-- Pruning: the oldest checkpoints of a namespace go, in bounded steps, as far as nobody needs them.
local MOST_REMOVED, MOST_PARTS, MOST_TRIED = 4, 64, 16

-- Who needs a checkpoint: the next step, a roll-back, a delta channel of a younger one, a fork that is being copied.
local function is_needed(kept, namespace, id)
  if head_of(kept, namespace) == id then return true end
  if redis.call('HEXISTS', kept.data, name_of('k', namespace, id)) == 1 then return true end
  if namespace ~= '' then return false end
  local before = redis.call('HMGET', kept.record, 'before', 'lastBefore')
  if before[1] == id or before[2] == id then return true end
  local copied_until = redis.call('HGET', kept.data, name_of('x', id))
  if not copied_until then return false end
  if tonumber(copied_until) > redis.call('TIME')[1] * 1000 then return true end
  redis.call('HDEL', kept.data, name_of('x', id))
  return false
end

-- A subgraph that keeps its state from call to call has a namespace without task ids; its newest checkpoint stays.
local function is_lasting(kept, namespace, id)
  return not namespace:find(':', 1, true) and head_of(kept, namespace) == id
end

-- Returns false when there were more parts than one script may remove.
local function remove_parts(kept, root)
  local parts = parts_of(kept, root, 'LIMIT', 0, MOST_PARTS)
  for _, part in ipairs(parts) do
    if is_lasting(kept, part[1], part[2]) then
      drop_member(kept, name_of('s', root, part[1], part[2]))
    else
      remove_checkpoint(kept, part[1], part[2])
    end
  end
  return #parts < MOST_PARTS
end

local function prune(kept, namespace, most)
  local beginning = name_of('c', namespace, '')
  local count = redis.call('ZLEXCOUNT', kept.index, '[' .. beginning, '(' .. beginning .. '\255')
  local removed = 0
  local function try(offset, limit)
    local ids = names_in(kept, 'ZRANGEBYLEX', beginning, 'LIMIT', offset, limit)
    for i = #ids, 1, -1 do
      if removed == MOST_REMOVED or count - removed <= most then return end
      if not is_needed(kept, namespace, ids[i]) then
        if namespace == '' and not remove_parts(kept, ids[i]) then
          removed = MOST_REMOVED
        else
          remove_checkpoint(kept, namespace, ids[i])
          removed = removed + 1
        end
      end
    end
  end
  -- a delta channel's chain is let go from its younger end
  local excess = count - most
  if excess > 0 then try(math.max(0, excess - MOST_TRIED), math.min(excess, MOST_TRIED)) end
  if excess > MOST_TRIED then try(0, MOST_TRIED) end
end
