-- Ends a session of this realm. KEYS: the session. ARGV: realm.
if redis.call('HGET', KEYS[1], 'realm') ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
