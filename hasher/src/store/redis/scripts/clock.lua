-- The clock of every script, put before its text: a test puts another one there.
local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
local function now_ms()
  return math.floor(now_us() / 1000)
end
-- Whole numbers as Redis reads them: Lua's own spelling of a large one has an exponent.
local function int(number)
  return string.format('%.0f', number)
end
