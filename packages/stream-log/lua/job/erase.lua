#!lua flags=allow-oom
-- erase: delete a job's record and log: of a job that was refused before it could run, or of one that has ended.
-- KEYS[1] record  KEYS[2] log  KEYS[3] what says that it was erased               (same {tenant.id} hash tag)
-- ARGV[1] '1': the job was refused; a repetition of the same request may have placed it in its thread since
-- ARGV[2] for how long nobody may put it back from the archive (ms); 0: there is no archive
-- RETURNS 1 erased, now or before | 0 it stays: it may run
local refused, barred_ms = ARGV[1] == '1', tonumber(ARGV[2])

local job = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'placed')
local status = job[1]
if status == 'active' then return 0 end
if status == 'queued' and (not refused or job[2] ~= '0' or job[3]) then return 0 end
if refused and status and status ~= 'queued' then return 0 end
if barred_ms > 0 and not refused then redis.call('SET', KEYS[3], 1, 'PX', barred_ms) end
redis.call('DEL', KEYS[1], KEYS[2])
return 1
