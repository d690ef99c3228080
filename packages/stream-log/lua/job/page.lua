-- page: read events from a place in the log, a bounded number of them and, roughly, of bytes.
-- KEYS[1] log
-- ARGV[1] where to start: '-', or '(' and the id of the event before
-- ARGV[2] max events  ARGV[3] bytes after which to stop
-- RETURNS {1 when there may be more, otherwise 0, and a line `<id> <type> <data>` per event, as published}
local start, max_events, max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
-- Events of a step. What is read and not returned is wasted, and one event may be 32 KiB: the first step is small, the
-- next as large as the page has room for, by the mean size so far. A step costs as much as five events.
local step, MAX_STEP = 16, 128

-- one string: a client parses it fifteen times as fast as an array per event
local lines, count, bytes = {}, 0, 0
while count < max_events do
  local asked = math.min(step, max_events - count)
  local entries = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', asked)
  for i = 1, #entries do
    if bytes >= max_bytes then return { 1, table.concat(lines, '\n') } end
    local id, fields = entries[i][1], entries[i][2]
    count = count + 1
    lines[count] = id .. ' ' .. fields[1] .. ' ' .. fields[2]
    bytes = bytes + #fields[2]
  end
  if #entries < asked then break end
  start = '(' .. entries[asked][1]
  step = math.max(1, math.min(MAX_STEP, math.ceil((max_bytes - bytes) * count / bytes)))
end
return { count == max_events and 1 or 0, table.concat(lines, '\n') }
