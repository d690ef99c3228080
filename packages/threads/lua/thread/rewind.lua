-- rewind: take the thread back to where the active job found it: an attempt cannot go on from what an earlier one has stored.
-- KEYS and the record: see thread.lua                                                     (same {thread:…} hash tag)
-- ARGV[1] retention (ms)  ARGV[2] job  ARGV[3] attempt  ARGV[4] its lease token
-- RETURNS 1 | 0 another attempt, or none, has claimed the thread
local retention, job, attempt, lease_token = unpack(ARGV, 1, 4)
local thread = fields('claim', 'before')
if thread.claim ~= job .. ':' .. attempt .. ':' .. lease_token then return 0 end
rewind(job, thread.before)
touch(now_ms(), retention)
return 1
