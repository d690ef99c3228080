-- copy: add messages to a thread that a fork is making.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] token of the fork  ARGV[2] how long it may take until its next step (ms)  ARGV[3] retention (ms)
-- ARGV[4] index of the first message: sent again, it is there already  ARGV[5…] messages (JSON)
-- RETURNS 1 | 0 another fork has taken over
local token, patience, retention, first = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('GET', FORK) ~= token then return 0 end
redis.call('PEXPIRE', FORK, patience)
if redis.call('LLEN', MESSAGES) ~= first then return 1 end

add_messages(5)
for _, key in ipairs({ RECORD, MESSAGES }) do redis.call('PEXPIRE', key, retention) end
return 1
