"""The rate limit in Redis, in Lua: each script runs as one step, by Redis' own clock."""

# KEYS: the limit of an application in a tenant, the processes, since when Redis counts, then the buckets of the wide limits.
# ARGV: sizes and rates per millisecond of writes and units, seconds until a limit is forgotten, for how long a process counts,
# its name; size and rate of each wide limit; then the script's own arguments, `arg(1)` and so on.
# The fields of a limit: w and u: tokens of writes and of read units; at: when they were counted; b: blocked until;
# l: the time of the next free reservation. A wide limit has w, at and l. Times are in milliseconds.
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
local wide = {}
for i = 4, #KEYS do
  local size, rate = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local kept = redis.call('HMGET', KEYS[i], 'w', 'at', 'l')
  local left = tonumber(kept[1]) or size / 10 + counted * rate
  left = math.min(size, left + math.max(0, now - (tonumber(kept[2]) or now)) * rate)
  wide[i - 3] = {key = KEYS[i], size = size, rate = rate, w = left, l = math.min(tonumber(kept[3]) or 0, now + 60000)}
end
local function arg(number)
  return tonumber(ARGV[2 * #KEYS + 1 + number])
end
local function keep()
  redis.call('HSET', KEYS[1], 'w', tostring(w), 'u', tostring(u), 'at', now, 'b', b, 'l', tostring(l))
  redis.call('EXPIRE', KEYS[1], math.max(ARGV[5], math.ceil((b - now) / 1000)))
  for _, each in ipairs(wide) do
    redis.call('HSET', each.key, 'w', tostring(each.w), 'at', now, 'l', tostring(each.l))
    redis.call('EXPIRE', each.key, ARGV[5])
  end
end
-- The time of a reservation for so many writes in all buckets, and of units; `wait` is that of the limit itself.
local function reserve_turn(wait, writes, units, reserve)
  local at = now
  if wait > 0 or l > now then
    l = math.max(l, now + wait) + writes / ARGV[2] + units / ARGV[4]
    at = l
  end
  for _, each in ipairs(wide) do
    local short = writes > 0 and math.max(0, writes - each.w + reserve * each.size) or 0
    if short > 0 or (writes > 0 and each.l > now) then
      each.l = math.max(each.l, now + short / each.rate) + writes / each.rate
      at = math.max(at, each.l)
    end
  end
  return at - now
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
local writes, units, reserve = arg(1), arg(2), arg(3)
local own = math.max(0, b - now)
local short_w, short_u = writes - w + reserve * ARGV[1], units - u + reserve * ARGV[3]
if writes > 0 and short_w > 0 then own = math.max(own, short_w / ARGV[2]) end
if units > 0 and short_u > 0 then own = math.max(own, short_u / ARGV[4]) end
local wait = own
for _, each in ipairs(wide) do
  local short = writes - each.w + reserve * each.size
  if writes > 0 and short > 0 then wait = math.max(wait, short / each.rate) end
end
if wait == 0 then
  w, u = w - writes, u - units
  for _, each in ipairs(wide) do each.w = each.w - writes end
elseif reserve > 0 and (writes > 0 or units > 0) then
  wait = reserve_turn(own, writes, units, reserve)
end
keep()
return answer(math.ceil(wait), tostring(w), tostring(u))
"""
)
RESERVE = (
    PRELUDE
    + """
local writes, reserve = arg(1), arg(2)
local short = writes - w + reserve * ARGV[1]
local wait = reserve_turn(math.max(0, b - now, short / ARGV[2]), writes, 0, reserve)
keep()
return answer(math.ceil(wait))
"""
)
# Its arguments: parts of the sizes that may be left of writes and units, the pause, then of each wide limit.
APPLY_SERVER_LIMIT = (
    PRELUDE
    + """
w, u = math.min(w, arg(1) * ARGV[1]), math.min(u, arg(2) * ARGV[3])
b = math.max(b, now + arg(3))
for i, each in ipairs(wide) do each.w = math.min(each.w, (arg(3 + i) or 1) * each.size) end
keep()
return answer()
"""
)
REMAINING = (
    PRELUDE
    + """
for _, each in ipairs(wide) do w = math.min(w, each.w) end
return answer(tostring(w), tostring(u))
"""
)
