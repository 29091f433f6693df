-- Keeps a copy of a session, if it may take the place of what is there; its time to live comes with
-- it. KEYS: the copy. ARGV: realm, user, username, data, key of the seal, idle timeout in ms, how much
-- sooner the copy ends in ms, time until the end in ms, when it was created (0 = now), generation,
-- critical, what it may take the place of: anything (*), nothing (empty), the trace of a
-- rotation to this digest; the caller's id of the user. Twin: policy::sessions::copy::put.
if ARGV[12] ~= '*' and redis.call('EXISTS', KEYS[1]) == 1 then
  local kept = redis.call('HMGET', KEYS[1], 'state', 'successor')
  if not (kept[1] == 'rotated' and kept[2] == ARGV[12]) then
    return 0
  end
end
local now = now_ms()
local left = tonumber(ARGV[8])
local created = ARGV[9]
if created == '0' then
  created = int(now)
end
-- A key that is gone half-way through a script is another node's while its slot is being moved, and the
-- rest would be refused. So it goes first only where it is no session at all.
if type(redis.pcall('HGET', KEYS[1], 'state')) == 'table' then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'state', 'live', 'realm', ARGV[1], 'user', ARGV[2], 'username', ARGV[3],
  'data', ARGV[4], 'key', ARGV[5], 'idle_ms', ARGV[6], 'spare_ms', ARGV[7], 'end_ms', int(now + left),
  'created_ms', created, 'generation', ARGV[10], 'critical', ARGV[11], 'backed_ms', int(now),
  'user_id', ARGV[13])
redis.call('HDEL', KEYS[1], 'successor', 'rotated_ms')
redis.call('PEXPIRE', KEYS[1], int(math.min(ARGV[6] - ARGV[7], left)))
return 1
