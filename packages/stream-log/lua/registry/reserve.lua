#!lua flags=allow-oom
-- reserve: let a running job reserve what it has used by now, if the day's limit of its tenant has room for it.
-- KEYS[1] the tenant's usage (see shared/ledger)
-- ARGV[1] reference  ARGV[2] tokens that the job has used
-- RETURNS 1 it may go on | 0 the limit is reached
local ref, tokens = ARGV[1], tonumber(ARGV[2])
local entry = read_entry(KEYS[1], ref)
-- what is reserved for a job that has ended would never be given back
if not entry or entry.ended then return 1 end
local day_key = KEYS[1] .. ':' .. entry.day
local used, reserved, limit = unpack(redis.call('HMGET', day_key, 'used', 'reserved', 'limit'))
local more = tokens - entry.reserved
if not limit or more <= 0 then return 1 end
if tonumber(used or 0) + tonumber(reserved or 0) + more > tonumber(limit) then return 0 end
add_to_day(day_key, 'reserved', more)
entry.reserved = tokens
write_entry(KEYS[1], ref, entry)
return 1
