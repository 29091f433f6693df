-- The new hash of a user was written. KEYS: the lock, the status. ARGV: digest of the token, life of the
-- status in ms. Twin: policy::migration::commit.
local lock = redis.call('GET', KEYS[1])
local replaced = lock and string.match(lock, '^' .. ARGV[1] .. ':(%x+)$')
if replaced then
  -- In this order: a lock that is gone half-way is another node's while its slot is being moved.
  redis.call('SET', KEYS[2], 'completed:' .. replaced .. ':' .. ARGV[1], 'PX', ARGV[2])
  redis.call('DEL', KEYS[1])
  return 'committed'
end
local status = redis.call('GET', KEYS[2])
if status and string.match(status, ':' .. ARGV[1] .. '$') then
  return 'replayed'
end
return 'lost'
