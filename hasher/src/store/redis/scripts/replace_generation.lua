-- Makes every session of a user invalid, and says how many the index had. KEYS: the user's generation and
-- sessions. ARGV: the new generation, time that it lives in ms. Twin: policy::sessions::user::replace.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', int(now_ms()))
local count = redis.call('ZCARD', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return count
