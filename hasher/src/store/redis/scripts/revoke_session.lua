-- Leaves a tombstone where a live session of this realm is, and as told elsewhere. A tombstone is
-- written again where it is, so that a WAIT that follows speaks of it. KEYS: the copy. ARGV: realm, time
-- of a tombstone where nothing is in ms (0 = none), 1 = a rotated one becomes a tombstone too. Twin:
-- policy::sessions::copy::revoke.
-- The key is never gone half-way: while its slot is being moved, it would be another node's then.
local function bury(critical, finish, left)
  redis.call('HSET', KEYS[1], 'state', 'revoked', 'realm', ARGV[1], 'critical', critical, 'end_ms',
    int(finish))
  redis.call('HDEL', KEYS[1], 'user', 'username', 'data', 'key', 'idle_ms', 'spare_ms', 'created_ms',
    'generation', 'backed_ms', 'successor', 'rotated_ms', 'user_id')
  redis.call('PEXPIRE', KEYS[1], int(left))
end
local kept = redis.call('HMGET', KEYS[1], 'state', 'realm', 'end_ms', 'user', 'critical', 'successor')
local state, realm, finish, critical = kept[1], kept[2], tonumber(kept[3] or ''), kept[5]
local is_there = state and realm and finish and critical and (state == 'revoked' or kept[4])
if not is_there and redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.error_reply('CORRUPT a session without state, realm, end, kind or user')
end
if is_there and realm ~= ARGV[1] then
  return { 'other' }
end
local now = now_ms()
if not (is_there and now < finish) then
  local left = tonumber(ARGV[2])
  if 0 < left then
    bury('1', now + left, left)
  elseif is_there then
    redis.call('DEL', KEYS[1])
  end
  return { 'missing' }
end
local left = finish - now
if state == 'rotated' then
  if not kept[6] then
    return redis.error_reply('CORRUPT a rotated session that lacks a field')
  end
  if ARGV[3] == '1' then
    bury(critical, finish, left)
  end
  return { 'rotated', kept[6], kept[4], critical }
end
bury(critical, finish, left)
if state == 'revoked' then
  return { 'revoked', critical }
end
return { 'ended', kept[4], critical, int(left) }
