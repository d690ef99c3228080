-- copy: add messages to a thread that a fork is making.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] token of the fork  ARGV[2] retention (ms)
-- ARGV[3] index of the first message: sent again, it is there already  ARGV[4…] messages
-- RETURNS 1 | 0 another fork has taken over
local token, retention, first = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('GET', FORK) ~= token then return 0 end
if redis.call('LLEN', MESSAGES) ~= first then return 1 end

add_messages(4)
for _, key in ipairs({ RECORD, MESSAGES }) do redis.call('PEXPIRE', key, retention) end
return 1
