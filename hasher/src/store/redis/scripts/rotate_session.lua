-- Replaces the id of a session of this realm that lives: of two at once, one does, and the same one may
-- ask again. KEYS: the copy. ARGV: realm, digest of the successor. Twin: policy::sessions::copy::rotate.
local kept = redis.call('HMGET', KEYS[1], 'state', 'realm', 'end_ms', 'user', 'critical', 'successor')
local finish = tonumber(kept[3] or '')
if kept[2] ~= ARGV[1] then
  return 0
end
if kept[1] == 'rotated' and kept[6] == ARGV[2] then
  return 1
end
if kept[1] ~= 'live' then
  return 0
end
if not (finish and kept[4] and kept[5]) then
  return redis.error_reply('CORRUPT a session that lacks a field')
end
local now = now_ms()
if finish <= now then
  return 0
end
-- The key is never gone half-way: while its slot is being moved, it would be another node's then.
redis.call('HSET', KEYS[1], 'state', 'rotated', 'realm', ARGV[1], 'user', kept[4], 'critical', kept[5],
  'end_ms', int(finish), 'successor', ARGV[2], 'rotated_ms', int(now))
redis.call('HDEL', KEYS[1], 'username', 'data', 'key', 'idle_ms', 'spare_ms', 'created_ms', 'generation',
  'backed_ms', 'user_id')
redis.call('PEXPIRE', KEYS[1], int(finish - now))
return 1
