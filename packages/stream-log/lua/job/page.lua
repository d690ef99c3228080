-- page: read events from a place in the log, a bounded number of them and, roughly, of bytes.
-- KEYS[1] log
-- ARGV[1] where to start: '-', or '(' and the id of the event before  ARGV[2] most events  ARGV[3] bytes after which to stop
-- RETURNS {1 when there may be more, otherwise 0; a line `<id> <type> <data>` per event, as they are published}
local start, most_events, most_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
-- Events of a step. What is read and not returned is wasted, and one event may be 32 KiB: the first step is small, the
-- next as large as the page has room for at the mean so far. A step costs as much as five events.
local step, MOST_STEP = 16, 128

-- one string, since a client reads it fifteen times as fast as an array per event
local lines, count, bytes = {}, 0, 0
while count < most_events do
  local asked = math.min(step, most_events - count)
  local entries = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', asked)
  for i = 1, #entries do
    if bytes >= most_bytes then return { 1, table.concat(lines, '\n') } end
    local id, fields = entries[i][1], entries[i][2]
    count = count + 1
    lines[count] = id .. ' ' .. fields[1] .. ' ' .. fields[2]
    bytes = bytes + #fields[2]
  end
  if #entries < asked then break end
  start = '(' .. entries[asked][1]
  step = math.max(1, math.min(MOST_STEP, math.ceil((most_bytes - bytes) * count / bytes)))
end
return { count == most_events and 1 or 0, table.concat(lines, '\n') }
