-- The end of an attempt that did not fail. KEYS: known pairs, failures.
-- ARGV: address or '', time that a pair is known in milliseconds, most pairs, and for an attempt that is
-- taken back what `begin_login` answered: whether the address is known, failures, time since the last
-- attempt. The twin is `policy::backoff::settle`.
if ARGV[4] then
  local subject = '*'
  if ARGV[4] == '1' then
    subject = ARGV[1]
  end
  local kept = redis.call('HGET', KEYS[2], subject)
  if not kept then
    return 0
  end
  local count, time = string.match(kept, '^(%d+):(-?%d+)$')
  local failures, last = tonumber(count), tonumber(time)
  if not (failures and last) then
    return redis.error_reply('CORRUPT failures that are no numbers')
  end
  if failures == tonumber(ARGV[5]) then
    last = last - tonumber(ARGV[6])
  end
  if failures > 1 then
    redis.call('HSET', KEYS[2], subject, int(failures - 1) .. ':' .. int(last))
  else
    redis.call('HDEL', KEYS[2], subject)
  end
  return 1
end
local now = now_ms()
local over = { '*' }
if ARGV[1] ~= '' then
  over[2] = ARGV[1]
  -- A full Redis keeps no new address, and forgets the failures all the same.
  local added = redis.pcall('ZADD', KEYS[1], int(now), ARGV[1])
  if type(added) == 'table' and added.err and not string.match(added.err, 'OOM') then
    return added
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  local known_no_longer, too_many = int(now - tonumber(ARGV[2])), int(-1 - tonumber(ARGV[3]))
  for _, address in ipairs(redis.call('ZRANGE', KEYS[1], '0', too_many)) do
    over[#over + 1] = address
  end
  for _, address in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', known_no_longer)) do
    over[#over + 1] = address
  end
  redis.call('ZREMRANGEBYRANK', KEYS[1], '0', too_many)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', known_no_longer)
end
-- At the end and at once: failures that are gone half-way are another node's while their slot is being
-- moved, and the rest would be refused.
redis.call('HDEL', KEYS[2], unpack(over))
return 1
