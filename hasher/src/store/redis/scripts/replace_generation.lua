-- Makes every session of a user invalid, and says how many the index had. KEYS: the user's generation and
-- sessions. ARGV: the new generation, time that it lives in ms. Twin: policy::sessions::user::replace.
local count = #redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. int(now_ms()), '+inf')
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return count
