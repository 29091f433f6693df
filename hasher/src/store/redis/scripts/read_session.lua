-- Gives back a copy of a session of this realm, and starts its idle timeout anew when told to, never
-- beyond its end. KEYS: the copy. ARGV: realm, grace of a rotated id in ms, 1 = touch, parts of the
-- idle timeout after which the backup is touched. Twin: policy::sessions::copy::read.
local kept = redis.call('HMGET', KEYS[1], 'state', 'realm', 'end_ms', 'user', 'critical', 'username', 'data',
  'key', 'generation', 'idle_ms', 'spare_ms', 'created_ms', 'backed_ms', 'successor', 'rotated_ms', 'user_id')
local state, realm, finish = kept[1], kept[2], tonumber(kept[3] or '')
if not (state and realm and finish) then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    return redis.error_reply('CORRUPT a session without state, realm or end')
  end
  return { 'missing' }
end
if realm ~= ARGV[1] then
  return { 'other' }
end
local now = now_ms()
local left = finish - now
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return { 'missing' }
end
if state == 'revoked' then
  return { 'revoked' }
end
local user, critical = kept[4], kept[5]
if state == 'rotated' then
  local successor, rotated = kept[14], tonumber(kept[15] or '')
  if not (user and critical and successor and rotated) then
    return redis.error_reply('CORRUPT a rotated session that lacks a field')
  end
  local in_grace = now < rotated + ARGV[2]
  return { 'rotated', successor, user, critical, in_grace and '1' or '0' }
end
local idle, spare, backed = tonumber(kept[10] or ''), tonumber(kept[11] or ''), tonumber(kept[13] or '')
if not (user and critical and kept[6] and kept[7] and kept[8] and kept[9] and idle and spare
    and kept[12] and backed and kept[16]) then
  return redis.error_reply('CORRUPT a session that lacks a field')
end
local expires, due = nil, '0'
if ARGV[3] == '1' then
  expires = math.min(idle - spare, left)
  redis.call('PEXPIRE', KEYS[1], int(expires))
  if critical == '1' and spare == 0 and math.floor(idle / ARGV[4]) <= math.max(now - backed, 0) then
    due = '1'
    redis.call('HSET', KEYS[1], 'backed_ms', int(now))
  end
else
  expires = redis.call('PTTL', KEYS[1])
end
return { 'live', user, critical, kept[6], kept[7], kept[8], kept[9], kept[10], kept[12], int(expires),
  int(left), due, kept[16] }
