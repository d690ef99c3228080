-- thaw-part: put the next events of a job from the archive together, under a name that nobody reads. Sent twice, it stores
-- them once.
-- KEYS[1] stream
-- ARGV[1] how long it lives (ms)  ARGV[2…] id, type, data: for each event
-- RETURNS 1
for i = 2, #ARGV, 3 do
  local added = redis.pcall('XADD', KEYS[1], ARGV[i], ARGV[i + 1], ARGV[i + 2])
  local problem = type(added) == 'table' and added.err
  if problem and not problem:find('equal or smaller') then return added end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
