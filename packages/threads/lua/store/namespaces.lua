-- namespaces: the namespaces that hold items, in order.
-- KEYS[1] index                                                                   (as in put, {store:…} hash tag)
-- ARGV[1] namespace after which to go on; '' for the first  ARGV[2] max number
-- RETURNS namespace (labels divided by NUL) …
local namespaces, from = {}, '-'
if ARGV[1] ~= '' then from = '(' .. ARGV[1] .. '\0\0\255' end
while #namespaces < tonumber(ARGV[2]) do
  local member = redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, 1)[1]
  if not member then break end
  local namespace = member:sub(1, member:find('\0\0', 1, true) - 1)
  namespaces[#namespaces + 1] = namespace
  from = '(' .. namespace .. '\0\0\255'
end
return namespaces
