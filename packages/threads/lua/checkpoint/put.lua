-- put: store a checkpoint with its values and make it the head, with what tasks have written at those before it, unless
-- another attempt owns the thread.
-- KEYS[1] the thread's record  KEYS[2] checkpoints  KEYS[3] their index                    (same {thread:…} hash tag)
-- ARGV[1] claim of the attempt; '' for none  ARGV[2] namespace  ARGV[3] id  ARGV[4] parent id, '' for none
-- ARGV[5] id of the root graph's checkpoint that it belongs to; '' for none  ARGV[6] '1' if rebuilt from its ancestors
-- ARGV[7] names of its pieces, each once  ARGV[8] JSON, or sealed  ARGV[9] how many to keep of a namespace
-- ARGV[10] time to live (ms)  ARGV[11] max bytes of all checkpoints
-- ARGV[12] bytes stored elsewhere since the last put
-- ARGV[13] how many messages are new  ARGV[14] how many tasks have written
-- ARGV[15…] message's id, job pairs; then what tasks have written: see writes.lua; then name, piece pairs
-- RETURNS {1} stored | {0} stored already (the same command, sent again)
--       | {-1} fenced: another attempt has claimed the thread, or its head is not the parent
--       | {-2, name …} these pieces are neither stored nor given | {-3} over the limit of bytes
local claim, namespace, id, parent, root, delta = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local pieces, json, most, ttl, max_bytes = ARGV[7], ARGV[8], tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[11])
local elsewhere, after_messages = tonumber(ARGV[12]), 15 + 2 * ARGV[13]
local kept = { record = KEYS[1], data = KEYS[2], index = KEYS[3], bytes = 0 }

if claim ~= '' and redis.call('HGET', KEYS[1], 'claim') ~= claim then return { -1 } end
local field = name_of('c', namespace, id)
if redis.call('HEXISTS', KEYS[2], field) == 1 then return { 0 } end
local head = head_of(kept, namespace) or ''
if claim ~= '' and namespace == '' and head ~= parent then return { -1 } end

local tasks, given_bytes, first_piece = given_writes(after_messages, tonumber(ARGV[14]))
for i = 15, after_messages - 1, 2 do given_bytes = given_bytes + 2 * #ARGV[i] + #ARGV[i + 1] end
local given = {}
for i = first_piece, #ARGV, 2 do
  given[ARGV[i]] = ARGV[i + 1]
  given_bytes = given_bytes + #ARGV[i + 1]
end
local missing = missing_pieces(kept, pieces, given)
if #missing > 0 then
  table.insert(missing, 1, -2)
  return missing
end
if tonumber(redis.call('HGET', KEYS[2], 'b') or 0) + given_bytes + #json > max_bytes then return { -3 } end

for _, task in ipairs(tasks) do store_writes(kept, claim, task) end
local job = claim:match('^[^:]*')
set_field(kept, field, table.concat({ parent, root, job, delta, pieces, json }, '\n'))
add_member(kept, field)
if root ~= '' then add_member(kept, name_of('s', root, namespace, id)) end
for i = 15, after_messages - 1, 2 do add_message_job(kept, id, ARGV[i], ARGV[i + 1], job) end
if after_messages > 15 then prune_message_jobs(kept) end
each_name(pieces, 1, function(piece) hold_piece(kept, piece, given) end)
if delta == '1' and parent ~= '' then redis.call('HINCRBY', KEYS[2], name_of('k', namespace, parent), 1) end
-- without a claim an older branch may be written to as well: that moves no head
if claim ~= '' or head == parent or id > head then set_head(kept, namespace, id) end
prune(kept, namespace, most)
count_bytes(kept)
if elsewhere > 0 then
  redis.call('HINCRBY', KEYS[1], 'bytes', elsewhere)
  redis.call('HINCRBY', KEYS[2], 'e', elsewhere)
end
keep_alive(kept, ttl)
return { 1 }
