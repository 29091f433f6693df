-- The heartbeat of a hasher. KEYS: its load. ARGV: the load, time to live in ms.
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
