-- Keeps what an attempt has used in the job's record, beside that of other attempts.
-- kept: field `attemptUsage` as it is (JSON: attempt → usage), or false  usage: JSON, or '' when it is not known
local function keep_usage(record_key, kept, attempt, usage)
  if usage == '' then return end
  local by_attempt = cjson.decode(kept or '{}')
  by_attempt[attempt] = cjson.decode(usage)
  redis.call('HSET', record_key, 'attemptUsage', cjson.encode(by_attempt))
end
