-- The generation of a user (empty = none) and then the sessions, without those that have ended, first
-- the one that ends first. KEYS: the user's generation and sessions. Twin: policy::sessions::user::list.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', int(now_ms()))
local listed = redis.call('ZRANGE', KEYS[2], 0, -1)
table.insert(listed, 1, redis.call('GET', KEYS[1]) or '')
return listed
