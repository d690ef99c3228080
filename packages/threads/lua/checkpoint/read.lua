-- read: a checkpoint, what is pending at it, and the pieces of its values.
-- KEYS[1] the thread's record  KEYS[2] checkpoints  KEYS[3] their index                    (same {thread:…} hash tag)
-- ARGV[1] namespace  ARGV[2] id; '' for the head  ARGV[3] '1': with the pieces
-- RETURNS {id, record, {write's name after the id, write …}, {name, piece …}} | nil: no such checkpoint
local namespace, id, with_pieces = ARGV[1], ARGV[2], ARGV[3] == '1'
local kept = { record = KEYS[1], data = KEYS[2], index = KEYS[3], bytes = 0 }

if id == '' then id = head_of(kept, namespace) end
local record = id and redis.call('HGET', KEYS[2], name_of('c', namespace, id))
if not record then return nil end

local writes = {}
local beginning = name_of('w', namespace, id, '')
for _, name in ipairs(names_in(kept, 'ZRANGEBYLEX', beginning)) do
  writes[#writes + 1] = name
  writes[#writes + 1] = redis.call('HGET', KEYS[2], beginning .. name)
end

local pieces, seen = {}, {}
local function add_piece(name)
  if seen[name] then return end
  seen[name] = true
  local piece = redis.call('HGET', KEYS[2], name_of('p', name))
  pieces[#pieces + 1] = name
  pieces[#pieces + 1] = piece
  if piece and is_node(piece) then each_name(piece, 2, add_piece) end
end
if with_pieces then
  local _, _, _, _, names = split_record(record)
  each_name(names, 1, add_piece)
end
return { id, record, writes, pieces }
