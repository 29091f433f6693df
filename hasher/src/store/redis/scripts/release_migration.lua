-- There will be no new hash of a user by this migration. KEYS: the lock. ARGV: digest of the token. Twin:
-- policy::migration::release.
local lock = redis.call('GET', KEYS[1])
if lock and string.match(lock, '^' .. ARGV[1] .. ':') then
  return redis.call('DEL', KEYS[1])
end
return 0
