-- Gives back a session of this realm and starts its idle timeout anew, never beyond its end.
-- KEYS: the session. ARGV: realm. The rule is `store::sessions::time_left`.
local kept = redis.call('HMGET', KEYS[1], 'realm', 'username', 'data', 'idle_ms', 'end_ms')
if not kept[1] then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    return redis.error_reply('CORRUPT a session without a realm')
  end
  return false
end
if kept[1] ~= ARGV[1] then
  return false
end
local idle, finish = tonumber(kept[4] or ''), tonumber(kept[5] or '')
if not (kept[2] and kept[3] and idle and finish) then
  return redis.error_reply('CORRUPT a session that lacks a field')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.min(idle, finish - now)
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return false
end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left))
return { kept[2], kept[3], left }
