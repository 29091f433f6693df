-- One attempt at several rates: all admit it, or none is charged. KEYS: the rates.
-- ARGV for each rate: its field, the interval and a full bucket, both in microseconds.
-- Answers 1 or 0, the time by this clock, and the time until each bucket is empty. The twin is
-- `policy::gcra::reserve`.
local now = now_us()
local arrivals, kept = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #kept, 2 do
  arrivals[kept[i]] = tonumber(kept[i + 1])
  if not arrivals[kept[i]] then
    return redis.error_reply('CORRUPT a rate that is no number')
  end
end
local answer = { 1, now }
for i = 1, #ARGV, 3 do
  local interval, full = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local left = math.max(0, math.min((arrivals[ARGV[i]] or now) - now, full))
  if left + interval > full then
    answer[1] = 0
  end
  answer[#answer + 1] = left
end
if answer[1] == 0 then
  return answer
end
for i = 1, #ARGV, 3 do
  local rule = (i + 2) / 3 + 2
  answer[rule] = answer[rule] + tonumber(ARGV[i + 1])
  arrivals[ARGV[i]] = now + answer[rule]
  redis.call('HSET', KEYS[1], ARGV[i], int(arrivals[ARGV[i]]))
end
local last = now
for _, arrival in pairs(arrivals) do
  last = math.max(last, arrival)
end
local life = math.ceil(math.min(last - now, 86400000000) / 1000)
redis.call('PEXPIRE', KEYS[1], int(life))
return answer
