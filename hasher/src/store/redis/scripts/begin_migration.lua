-- May this migration of a user begin? KEYS: the lock, the status. ARGV: digest of the token, digest of the
-- hash that is replaced, life of the lock in ms. It may be sent twice: who has the lock is granted it
-- again. Twin: policy::migration::begin.
local status = redis.call('GET', KEYS[2])
if status then
  local replaced = string.match(status, '^completed:(%x+):%x+$')
  if not replaced then
    return redis.error_reply('CORRUPT a status of a migration that is none')
  end
  if replaced == ARGV[2] then
    return 'replaced'
  end
end
local claim = ARGV[1] .. ':' .. ARGV[2]
local lock = redis.call('GET', KEYS[1])
if lock then
  return lock == claim and 'granted' or 'held'
end
redis.call('SET', KEYS[1], claim, 'PX', ARGV[3])
return 'granted'
