-- Enters a session of a user: makes a generation if there is none, keeps it for as long as any session
-- may live, and leaves out the entries that end first when there are too many. KEYS: the user's
-- generation and sessions. ARGV: the generation if there is none, digest, time until the session's end
-- in ms, time that the generation lives at least in ms, most entries. Twin:
-- policy::sessions::user::join.
local now = now_ms()
local left, keep = tonumber(ARGV[3]), tonumber(ARGV[4])
local generation = redis.call('GET', KEYS[1])
if not generation then
  generation = ARGV[1]
  redis.call('SET', KEYS[1], generation, 'PX', int(keep))
elseif redis.call('PTTL', KEYS[1]) < keep then
  redis.call('PEXPIRE', KEYS[1], int(keep))
end
-- In this order: an index that is gone half-way is another node's while its slot is being moved.
redis.call('ZADD', KEYS[2], int(now + left), ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', int(now))
local surplus = redis.call('ZCARD', KEYS[2]) - ARGV[5]
if 0 < surplus then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, int(surplus - 1))
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[2], int(last[2] - now))
return { generation, int(redis.call('ZCARD', KEYS[2])) }
