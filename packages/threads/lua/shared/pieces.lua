-- Pieces of values: each is stored once, for as long as a checkpoint or another piece refers to it. A leaf may be sealed, and
-- begins with `~` then.

-- Calls `each` with the names that a list of names holds, or that a piece `N<names>` holds from its second byte on.
local function each_name(names, first, each)
  for i = first, #names, NAME_LENGTH do each(names:sub(i, i + NAME_LENGTH - 1)) end
end

local function is_node(piece) return piece:byte(1) == 78 end

-- @param names of pieces that a checkpoint refers to
-- RETURNS those of them, and of the pieces in given ones, that are neither stored nor given
local function missing_pieces(kept, names, given)
  local missing = {}
  local function look_for(name)
    if given[name] or redis.call('HEXISTS', kept.data, name_of('p', name)) == 1 then return end
    missing[#missing + 1] = name
  end
  each_name(names, 1, look_for)
  for _, piece in pairs(given) do
    if is_node(piece) then each_name(piece, 2, look_for) end
  end
  return missing
end

-- @param given pieces by name, for those that are not stored yet
local function hold_piece(kept, name, given)
  if redis.call('HINCRBY', kept.data, name_of('r', name), 1) > 1 then return end
  set_field(kept, name_of('p', name), given[name])
  if is_node(given[name]) then each_name(given[name], 2, function(child) hold_piece(kept, child, given) end) end
end

local function release_piece(kept, name)
  if redis.call('HINCRBY', kept.data, name_of('r', name), -1) > 0 then return end
  local piece = redis.call('HGET', kept.data, name_of('p', name))
  redis.call('HDEL', kept.data, name_of('r', name))
  drop_field(kept, name_of('p', name))
  if piece and is_node(piece) then each_name(piece, 2, function(child) release_piece(kept, child) end) end
end
