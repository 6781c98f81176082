-- What is kept of the request, where something is: the metadata's `assign_by`, `headers` and `request` say what.
local KEY = "@KEY@" -- the file with the secret of the hash
local COOKIE = "@COOKIE@"

local bit = require("bit")
local bxor, rol, tobit, lshift, tohex = bit.bxor, bit.rol, bit.tobit, bit.lshift, bit.tohex

-- HalfSipHash-2-4 with 64 bits out (Aumasson and Bernstein): short, keyed, and all in 32-bit words.
local function round(a, b, c, d)
  a = tobit(a + b); b = rol(b, 5); b = bxor(b, a); a = rol(a, 16)
  c = tobit(c + d); d = rol(d, 8); d = bxor(d, c)
  a = tobit(a + d); d = rol(d, 7); d = bxor(d, a)
  c = tobit(c + b); b = rol(b, 13); b = bxor(b, c); c = rol(c, 16)
  return a, b, c, d
end

local function word(text, at)
  local w, x, y, z = text:byte(at, at + 3)
  return bxor(w or 0, lshift(x or 0, 8), lshift(y or 0, 16), lshift(z or 0, 24))
end

local function hashed(key, text)
  local k0, k1 = word(key, 1), word(key, 5)
  local a, b, c, d = k0, bxor(k1, 0xee), bxor(k0, 0x6c796765), bxor(k1, 0x74656462)
  local whole = #text - #text % 4
  for at = 1, whole + 1, 4 do
    local m = word(text, at)
    if at > whole then m = bxor(m, lshift(#text, 24)) end
    d = bxor(d, m)
    a, b, c, d = round(a, b, c, d)
    a, b, c, d = round(a, b, c, d)
    a = bxor(a, m)
  end
  c = bxor(c, 0xee)
  for _ = 1, 4 do a, b, c, d = round(a, b, c, d) end
  local first = bxor(b, d)
  b = bxor(b, 0xdd)
  for _ = 1, 4 do a, b, c, d = round(a, b, c, d) end
  return tohex(first) .. tohex(bxor(b, d))
end

local secret
local function key()
  if secret == nil then
    local file = io.open(KEY, "rb")
    secret = file and file:read(8) or ""
    if file then file:close() end
  end
  return #secret == 8 and secret
end

-- What a request is assigned by, the way the routes do it; nobody can turn the hash back into it. A copy brings the
-- live side's along: its cookies stayed behind.
local function unit(headers, assign_by)
  local copied = headers:get("x-mlship-unit")
  if copied then return copied ~= "-" and copied or nil end
  if not assign_by or not key() then return nil end
  local text = headers:get(assign_by)
  if not text or text == "" then
    local jar = ";" .. (headers:get("cookie") or "")
    text = jar:match(";%s*" .. COOKIE .. '="?([^;"]+)') or headers:get("x-request-id")
  end
  return text and hashed(key(), text)
end

local function named(headers, names)
  local found = {}
  for _, name in ipairs(names) do found[name] = headers:get(name) end
  return found
end

function envoy_on_request(handle)
  local metadata, headers = handle:metadata(), handle:headers()
  local whole = metadata:get("request")
  local names = metadata:get("headers")
  if names then tell(handle, "headers", named(headers, names)) end
  local hash = unit(headers, metadata:get("assign_by"))
  if hash then tell(handle, "unit", hash) end
  if whole then
    local text, bytes = drained(handle, metadata:get("limit"))
    tell(handle, "request", text)
    tell(handle, "request_bytes", bytes)
  end
end
