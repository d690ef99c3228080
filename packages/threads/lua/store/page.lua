-- page: items of a namespace and those below it, in order of namespace and creation.
-- KEYS[1] items  KEYS[2] index                                                (as in put, same {store:…} hash tag)
-- ARGV[1] beginning of their names  ARGV[2] name after which to go on; '' for the first  ARGV[3] max number
-- RETURNS name, item, …
local from = ARGV[2] ~= '' and '(' .. ARGV[2] or '[' .. ARGV[1]
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], from, '(' .. ARGV[1] .. '\255', 'LIMIT', 0, ARGV[3])) do
  local border = member:find('\0\0', 1, true)
  found[#found + 1] = member
  found[#found + 1] = redis.call('HGET', KEYS[1], member:sub(1, border + 1) .. member:sub(border + 19))
end
return found
