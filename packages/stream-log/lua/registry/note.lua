-- note: add a line to the copy of the audit log, unless it names a job that is not listed: it was erased meanwhile.
-- KEYS[1] the copy (list, newest first)  KEYS[2] jobs of the tenant of the named job               (same hash tag)
-- ARGV[1] line (JSON)  ARGV[2] reference of the job that it names, '' for none
-- ARGV[3] lines that are kept  ARGV[4] how long they outlive the last one (s)
-- RETURNS 1 added | 0 there is no such job
local line, ref, most, keep_s = unpack(ARGV)
if ref ~= '' and not redis.call('ZSCORE', KEYS[2], ref) then return 0 end
redis.call('LPUSH', KEYS[1], line)
redis.call('LTRIM', KEYS[1], 0, most - 1)
redis.call('EXPIRE', KEYS[1], keep_s)
return 1
