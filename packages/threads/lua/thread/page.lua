-- page: read messages of a thread, as many as a page may have.
-- KEYS[1] messages
-- ARGV[1] index of the first  ARGV[2] index of the last that may be read  ARGV[3] max bytes of the page; one fits always
-- RETURNS {message …}
local first, last, max_bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local page, bytes = {}, 0
while first <= last do
  local messages = redis.call('LRANGE', KEYS[1], first, math.min(last, first + 99))
  for _, message in ipairs(messages) do
    bytes = bytes + #message
    if bytes > max_bytes and #page > 0 then return page end
    page[#page + 1] = message
  end
  if #messages < 100 then return page end
  first = first + 100
end
return page
