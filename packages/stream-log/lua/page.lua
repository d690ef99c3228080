-- page: read events from a place in the log, a bounded number of them and, roughly, of bytes.
-- KEYS[1] log
-- ARGV[1] where to start: '-', or '(' and the id of the event before  ARGV[2] most events  ARGV[3] bytes after which to stop
-- RETURNS {1 when there may be more, otherwise 0; entries as XRANGE gives them}
local start, most_events, most_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
-- small steps: what is read and not returned is wasted, and one event may be 32 KiB
local STEP = 32

local entries, bytes = {}, 0
while #entries < most_events do
  local step = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', math.min(STEP, most_events - #entries))
  for _, entry in ipairs(step) do
    if bytes >= most_bytes then return { 1, entries } end
    entries[#entries + 1] = entry
    bytes = bytes + #entry[2][2]
  end
  if #step < STEP then break end
  start = '(' .. step[#step][1]
end
return { #entries == most_events and 1 or 0, entries }
