-- adopt: remember which jobs have brought the messages of a checkpoint that is copied from another thread.
-- KEYS[1] the thread's record  KEYS[2] checkpoints  KEYS[3] their index                    (same {thread:…} hash tag)
-- ARGV[1] time to live (ms)  ARGV[2…] the first checkpoint that has a message, the message's id, job
-- RETURNS 1
local kept = { record = KEYS[1], data = KEYS[2], index = KEYS[3], bytes = 0 }
for i = 2, #ARGV, 3 do add_message_job(kept, ARGV[i], ARGV[i + 1], ARGV[i + 2], '') end
prune_message_jobs(kept)
count_bytes(kept)
keep_alive(kept, ARGV[1])
return 1
