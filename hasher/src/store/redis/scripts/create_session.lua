-- Keeps a session and its time to live at once. KEYS: the session.
-- ARGV: realm, user, username, data, idle timeout in ms, absolute timeout in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local idle, absolute = tonumber(ARGV[5]), tonumber(ARGV[6])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'realm', ARGV[1], 'user', ARGV[2], 'username', ARGV[3], 'data', ARGV[4],
  'idle_ms', ARGV[5], 'end_ms', string.format('%.0f', now + absolute))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(idle, absolute)))
return 1
