"""The rate limit in Redis, in Lua: each script runs as one step, by Redis' own clock."""

# The fields of a limit: w and u: tokens of writes and of read units; at: when they were counted; b: blocked until;
# l: the time of the next free reservation. Times are in milliseconds.
# Every script returns first how long the pause still lasts, then how many processes there are, then its own answer.
# A Redis that was started or emptied a moment ago does not know what was used before: a bucket without a row starts with a
# tenth of its size, plus what would have been added since Redis began to count.
PRELUDE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('HMGET', KEYS[1], 'w', 'u', 'at', 'b', 'l')
local passed = math.max(0, now - (tonumber(row[3]) or now))
local since = tonumber(redis.call('GET', KEYS[3]))
if not since or since > now then
  since = now
  redis.call('SET', KEYS[3], now)
end
local counted = math.max(0, now - since)
local w = tonumber(row[1]) or ARGV[1] / 10 + counted * ARGV[2]
local u = tonumber(row[2]) or ARGV[3] / 10 + counted * ARGV[4]
w = math.min(tonumber(ARGV[1]), w + passed * ARGV[2])
u = math.min(tonumber(ARGV[3]), u + passed * ARGV[4])
local b = math.min(tonumber(row[4]) or 0, now + 3600000)
local l = math.min(tonumber(row[5]) or 0, now + 60000)
local function keep()
  redis.call('HSET', KEYS[1], 'w', tostring(w), 'u', tostring(u), 'at', now, 'b', b, 'l', tostring(l))
  redis.call('EXPIRE', KEYS[1], math.max(ARGV[5], math.ceil((b - now) / 1000)))
end
if ARGV[7] ~= '' then
  redis.call('ZADD', KEYS[2], now, ARGV[7])
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[6])
  redis.call('EXPIRE', KEYS[2], ARGV[5])
end
local function answer(...)
  return {math.max(0, b - now), redis.call('ZCARD', KEYS[2]), ...}
end
"""
TAKE = (
    PRELUDE
    + """
local writes, units, reserve = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local wait = math.max(0, b - now)
local short_w, short_u = writes - w + reserve * ARGV[1], units - u + reserve * ARGV[3]
if writes > 0 and short_w > 0 then wait = math.max(wait, short_w / ARGV[2]) end
if units > 0 and short_u > 0 then wait = math.max(wait, short_u / ARGV[4]) end
if wait == 0 then
  w, u = w - writes, u - units
elseif reserve > 0 and (writes > 0 or units > 0) then
  l = math.max(l, now + wait) + writes / ARGV[2] + units / ARGV[4]
  wait = l - now
end
keep()
return answer(math.ceil(wait), tostring(w), tostring(u))
"""
)
RESERVE = (
    PRELUDE
    + """
local writes, reserve = tonumber(ARGV[8]), tonumber(ARGV[9])
local short = writes - w + reserve * ARGV[1]
local wait = math.max(0, b - now, short / ARGV[2])
if wait > 0 or l > now then
  l = math.max(l, now + wait) + writes / ARGV[2]
  wait = l - now
end
keep()
return answer(math.ceil(wait))
"""
)
APPLY_SERVER_LIMIT = (
    PRELUDE
    + """
w, u = math.min(w, ARGV[8] * ARGV[1]), math.min(u, ARGV[9] * ARGV[3])
b = math.max(b, now + ARGV[10])
keep()
return answer()
"""
)
REMAINING = (
    PRELUDE
    + """
return answer(tostring(w), tostring(u))
"""
)
