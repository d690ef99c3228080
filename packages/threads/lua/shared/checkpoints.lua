-- What the checkpoints of a thread keep: a hash, and an index of names, all of score 0. `kept` is
-- {record, data, index, bytes}: three keys, and how many bytes the script has added so far.
-- In the hash, the parts of a name divided by NUL:
--   c namespace id: a checkpoint, `<parent>\n<root>\n<job>\n<delta>\n<pieces>\n` and JSON, or that sealed. root: the checkpoint of the
--     root graph that it belongs to; job: who wrote it; delta: 1 if its channels are rebuilt from its ancestors' writes
--   w namespace id task number: a pending write, `<claim>\n`, its JSON and its value, or both sealed
--   p piece, r piece: a piece of a value (pieces.ts), and how many checkpoints and pieces refer to it
--   h namespace: the newest checkpoint of a subgraph     k namespace id: how many checkpoints are rebuilt from this one
--   m message: the job that has brought it, `<job>`; `<job>\n<job>` where another one has stored it
--   x id: a fork copies this checkpoint until then (ms)  b: bytes of c, w, p, h, m and the index
--   e: bytes that are kept elsewhere; what is pruned or undone here stays there
-- In the index: c and w as above, `s root namespace id` for a subgraph's checkpoint, and `m id message`: the first one that
-- has the message.
local NAME_LENGTH = 22
local function name_of(...) return table.concat({ ... }, '\0') end

local function set_field(kept, field, value)
  local before = redis.call('HSTRLEN', kept.data, field)
  redis.call('HSET', kept.data, field, value)
  kept.bytes = kept.bytes + #value - before + (before == 0 and #field or 0)
end

local function drop_field(kept, field)
  local before = redis.call('HSTRLEN', kept.data, field)
  if redis.call('HDEL', kept.data, field) == 1 then kept.bytes = kept.bytes - before - #field end
end

local function add_member(kept, member)
  if redis.call('ZADD', kept.index, 0, member) == 1 then kept.bytes = kept.bytes + #member end
end

local function drop_member(kept, member)
  if redis.call('ZREM', kept.index, member) == 1 then kept.bytes = kept.bytes - #member end
end

-- The names in the index that begin with these parts, without that beginning.
local function names_in(kept, command, beginning, ...)
  local low, high = '[' .. beginning, '(' .. beginning .. '\255'
  if command == 'ZREVRANGEBYLEX' then low, high = high, low end
  local names = redis.call(command, kept.index, low, high, ...)
  for i, name in ipairs(names) do names[i] = name:sub(#beginning + 1) end
  return names
end

local function head_of(kept, namespace)
  if namespace == '' then return redis.call('HGET', kept.record, 'head') end
  return redis.call('HGET', kept.data, name_of('h', namespace))
end

local function set_head(kept, namespace, id)
  if namespace ~= '' then
    if id then set_field(kept, name_of('h', namespace), id) else drop_field(kept, name_of('h', namespace)) end
  elseif id then
    redis.call('HSET', kept.record, 'head', id)
  else
    redis.call('HDEL', kept.record, 'head')
  end
end

-- Counts what has changed, for the thread and for the checkpoints alone.
local function count_bytes(kept)
  if kept.bytes == 0 then return end
  redis.call('HINCRBY', kept.record, 'bytes', kept.bytes)
  redis.call('HINCRBY', kept.data, 'b', kept.bytes)
  kept.bytes = 0
end

-- A thread's keys live for as long as its record, which outlives the jobs in it. Renewing each time costs more than the rest
-- of a small put.
-- @param ttl of a thread without a job (ms)
local function keep_alive(kept, ttl)
  ttl = math.max(ttl, redis.call('PTTL', kept.record))
  for _, key in ipairs({ kept.record, kept.data, kept.index }) do
    if redis.call('PTTL', key) < ttl * 0.99 then redis.call('PEXPIRE', key, string.format('%d', ttl)) end
  end
end
