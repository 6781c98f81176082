-- Keeps what a model answered. Off unless a route switches it on; that route's metadata says how much is kept: `limit`.
-- Bodies pass through piece by piece: no answer waits for its end, and at most `limit` bytes of it are held. What the
-- access log knows by itself is left to it: each word between this script and the log costs as much as the base64.
local SPOOL = "@SPOOL@" -- the file that the access log writes
local MOST = @MOST@     -- bytes that the spool may have
local NAME = "mlship.capture"

-- The spool has an end also where nobody reads it: now and then its size is asked for, and while it is full each time.
local since, room = math.huge, true
local function has_room()
  if since > 262144 or not room then
    since = 0
    local file = io.open(SPOOL, "rb")
    room = not file or file:seek("end") < MOST
    if file then file:close() end
  end
  return room
end

-- (base64 of the first bytes, number of all bytes)
local function drained(handle, limit)
  local text, bytes, parts = "", 0, nil
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    if length > 0 then
      if bytes < limit then
        local piece = chunk:getBytes(0, math.min(length, limit - bytes))
        if bytes == 0 then
          text = piece
        else
          parts = parts or {text}
          parts[#parts + 1] = piece
        end
      end
      bytes = bytes + length
    end
  end
  return handle:base64Escape(parts and table.concat(parts) or text), bytes
end

-- For the access log. What a handle gave before a body was awaited is void afterwards.
local function tell(handle, key, value)
  handle:streamInfo():dynamicMetadata():set(NAME, key, value)
end

function envoy_on_response(handle)
  local limit = handle:metadata():get("limit")
  if not has_room() then return tell(handle, "full", true) end
  if limit == 0 then
    since = since + 400
    return tell(handle, "response", "") -- the line alone is wanted: the body passes by untouched
  end
  local text, bytes = drained(handle, limit)
  since = since + #text + 400
  if bytes > limit then tell(handle, "cut", true) end
  tell(handle, "response", text)
end
