-- May this user be tried from this address now? Counts the attempt as a failure when it may.
-- KEYS: known pairs, failures. ARGV: address or '', free failures, most failures, longest wait, time that
-- a pair is known, and the life of a count below the free failures, its least life from there on, and its
-- life from the most failures on; times in milliseconds.
-- Answers the wait (0 = let in), failures, time since the last attempt, whether the address is known, and
-- all known addresses. The twin is `policy::backoff::begin`.
local now = now_ms()
local free, most, longest = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local since_known = '(' .. int(now - tonumber(ARGV[5]))
local known = redis.call('ZRANGEBYSCORE', KEYS[1], since_known, '+inf')
local subject, is_known = '*', 0
for _, address in ipairs(known) do
  if address == ARGV[1] then
    subject, is_known = address, 1
  end
end
local failures, last = 0, now
local kept = redis.call('HGET', KEYS[2], subject)
if kept then
  local count, time = string.match(kept, '^(%d+):(-?%d+)$')
  failures, last = tonumber(count), tonumber(time)
  if not (failures and last) then
    return redis.error_reply('CORRUPT failures that are no numbers')
  end
end
local since = math.max(now - last, 0)
-- The wait after so many failures, at least `free`.
local function whole_wait(count)
  return math.min(1000 * 2 ^ math.min(count - free, 30), longest)
end
local wait = 0
if failures >= most then
  wait = longest
elseif failures >= free then
  wait = math.max(whole_wait(failures) - since, 0)
end
if wait == 0 then
  failures = failures + 1
  redis.call('HSET', KEYS[2], subject, int(failures) .. ':' .. int(now))
  local life = tonumber(ARGV[6])
  if failures >= most then
    life = tonumber(ARGV[8])
  elseif failures >= free then
    life = math.max(10 * whole_wait(failures), tonumber(ARGV[7]))
  end
  -- The key lives as long as the longest of its counts needs.
  if redis.call('PTTL', KEYS[2]) < life then
    redis.call('PEXPIRE', KEYS[2], int(life))
  end
end
local answer = { wait, failures, since, is_known }
for _, address in ipairs(known) do
  answer[#answer + 1] = address
end
return answer
