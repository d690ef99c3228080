-- The format of a thread, with its messages and checkpoints, or of a store, told by the field `format` of KEYS[1]; without one it is 1. What a newer version has written is left alone:
-- the same fields may mean something else there. @see docs/operations.md, "Upgrading"
if tonumber(redis.call('HGET', KEYS[1], 'format') or 1) > 1 then
  return redis.error_reply('NEWERFORMAT written by a newer version of Millrace')
end
