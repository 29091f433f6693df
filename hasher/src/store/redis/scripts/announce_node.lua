-- Keeps the record of a hasher. KEYS: the nodes. ARGV: the node, its record.
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
