-- Gives back what is left of an attempt; what is not there stays so. KEYS: the rates. ARGV: when it was
-- charged, as `reserve_rate` answered, and for each rate its field, the interval, a full bucket, and the
-- time until the bucket was empty that it answered, all in microseconds. The twin is
-- `policy::gcra::refund`.
local now = now_us()
local elapsed = math.max(0, now - tonumber(ARGV[1]))
local over = {}
local arrivals, kept = {}, redis.call('HGETALL', KEYS[1])
if #kept == 0 then
  return 0
end
for i = 1, #kept, 2 do
  arrivals[kept[i]] = tonumber(kept[i + 1])
  if not arrivals[kept[i]] then
    return redis.error_reply('CORRUPT a rate that is no number')
  end
end
for i = 2, #ARGV, 4 do
  local interval, full = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local amount = math.max(0, math.min(tonumber(ARGV[i + 3]) - elapsed, interval))
  local left = math.max(0, math.min((arrivals[ARGV[i]] or now) - now, full)) - amount
  if left > 0 then
    arrivals[ARGV[i]] = now + left
    redis.call('HSET', KEYS[1], ARGV[i], int(now + left))
  else
    arrivals[ARGV[i]] = nil
    over[#over + 1] = ARGV[i]
  end
end
-- After what is written: a key that is gone half-way is another node's while its slot is being moved.
if #over > 0 then
  redis.call('HDEL', KEYS[1], unpack(over))
end
local last = now
for _, arrival in pairs(arrivals) do
  last = math.max(last, arrival)
end
if last == now then
  redis.call('DEL', KEYS[1])
  return 0
end
local life = math.ceil(math.min(last - now, 86400000000) / 1000)
redis.call('PEXPIRE', KEYS[1], int(life))
return 1
