-- Takes outcomes: GET or POST with request_id, name and value in the query, or a POST of a JSON object with these, or of
-- a list of such objects. What is answered with 204 has been handed to the system: a router that is killed loses none.
local FILE = "@FILE@" -- one outcome per line
local MOST = @MOST@   -- bytes that the file may have
local LARGEST = @LARGEST@
local DEEPEST = 64
local LONGEST = 300   -- bytes of an id or a name, as JSON

local function refused(handle, status, why)
  local headers = {[":status"] = status, ["content-type"] = "application/json"}
  if status == "405" then headers["allow"] = "GET, POST" end
  handle:respond(headers, '{"error": "' .. why .. '"}\n')
end

-- A JSON reader that returns the place behind a value, or nil; what it reads it writes to `out` without white space.

local function behind_space(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

local ESCAPES = {['"'] = 1, ["\\"] = 1, ["/"] = 1, b = 1, f = 1, n = 1, r = 1, t = 1}

local function text_end(text, at)
  if text:sub(at, at) ~= '"' then return nil end
  local from = at + 1
  while true do
    local special = text:find('["\\%z\1-\31]', from)
    if not special then return nil end
    local sign = text:sub(special, special)
    if sign == '"' then return special + 1 end
    if sign ~= "\\" then return nil end
    local escape = text:sub(special + 1, special + 1)
    if ESCAPES[escape] then
      from = special + 2
    elseif escape == "u" and text:find("^%x%x%x%x", special + 2) then
      from = special + 6
    else
      return nil
    end
  end
end

local function number_end(text, at)
  local _, last = text:find("^-?%d+", at)
  if not last or text:find("^-?0%d", at) then return nil end
  local _, fraction = text:find("^%.%d+", last + 1)
  last = fraction or last
  local _, exponent = text:find("^[eE][+-]?%d+", last + 1)
  return (exponent or last) + 1
end

local function word_end(text, at)
  for _, word in ipairs({"true", "false", "null"}) do
    if text:sub(at, at + #word - 1) == word then return at + #word end
  end
  return text_end(text, at) or number_end(text, at)
end

local read

-- Members or elements, each handed to `one`, which returns the place behind it.
local function row(text, at, closing, out, one)
  out[#out + 1] = text:sub(at, at)
  at = behind_space(text, at + 1)
  if text:sub(at, at) ~= closing then
    while true do
      at = one(text, at)
      if not at then return nil end
      at = behind_space(text, at)
      local sign = text:sub(at, at)
      if sign == closing then break end
      if sign ~= "," then return nil end
      out[#out + 1] = ","
      at = behind_space(text, at + 1)
    end
  end
  out[#out + 1] = closing
  return at + 1
end

local function member(text, at, out, depth)
  local after = text_end(text, at)
  if not after then return nil end
  out[#out + 1] = text:sub(at, after - 1) .. ":"
  local colon = behind_space(text, after)
  if text:sub(colon, colon) ~= ":" then return nil end
  return read(text, behind_space(text, colon + 1), out, depth)
end

read = function(text, at, out, depth)
  if depth > DEEPEST then return nil end
  local sign = text:sub(at, at)
  if sign == "{" then
    return row(text, at, "}", out, function(t, a) return member(t, a, out, depth + 1) end)
  elseif sign == "[" then
    return row(text, at, "]", out, function(t, a) return read(t, a, out, depth + 1) end)
  end
  local after = word_end(text, at)
  if after then out[#out + 1] = text:sub(at, after - 1) end
  return after
end

local function is_utf8(text)
  local at = text:find("[\128-\255]")
  while at do
    local first, second, third, fourth = text:byte(at, at + 3)
    local low, high, more = 0x80, 0xBF, nil
    if first >= 0xC2 and first <= 0xDF then more = {}
    elseif first >= 0xE0 and first <= 0xEF then
      more = {third or 0}
      if first == 0xE0 then low = 0xA0 elseif first == 0xED then high = 0x9F end
    elseif first >= 0xF0 and first <= 0xF4 then
      more = {third or 0, fourth or 0}
      if first == 0xF0 then low = 0x90 elseif first == 0xF4 then high = 0x8F end
    else
      return false
    end
    if not second or second < low or second > high then return false end
    for _, byte in ipairs(more) do
      if byte < 0x80 or byte > 0xBF then return false end
    end
    at = text:find("[\128-\255]", at + 2 + #more)
  end
  return true
end

-- Outcomes are tables of JSON texts: request_id, name, value.

local function checked(outcome)
  local id, name = outcome.request_id, outcome.name or '"label"'
  if not id or id:sub(1, 1) ~= '"' or #id < 3 or #id > LONGEST then
    return nil, "request_id must be a text of 1 to 298 bytes"
  end
  if name:sub(1, 1) ~= '"' or #name < 3 or #name > LONGEST then
    return nil, "name must be a text of 1 to 298 bytes"
  end
  if not outcome.value then return nil, "value is missing" end
  return {id = id, name = name, value = outcome.value}
end

local function from_object(text, at)
  local found = {}
  local after = row(text, at, "}", {}, function(t, a)
    local pieces = {}
    local behind = member(t, a, pieces, 1)
    if behind then found[pieces[1]:sub(2, -3)] = table.concat(pieces, "", 2) end
    return behind
  end)
  return after, found
end

local function from_body(text)
  local found, why = {}, nil
  local function take(t, at)
    if t:sub(at, at) ~= "{" then
      why = why or "each outcome must be an object"
      return nil
    end
    local after, told = from_object(t, at)
    if not after then return nil end
    local outcome, fault = checked(told)
    found[#found + 1] = outcome
    why = why or (fault and "outcome " .. (#found + 1) .. ": " .. fault)
    return not why and after or nil
  end
  local at = behind_space(text, 1)
  local after
  if text:sub(at, at) == "[" then after = row(text, at, "]", {}, take) else after = take(text, at) end
  if why then return nil, why end
  if not after or behind_space(text, after) <= #text then return nil, "the body is not JSON" end
  return found
end

local function quoted(text)
  return '"' .. text:gsub('[%z\1-\31"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function from_query(path)
  local told = {}
  for name, value in (path:match("%?([^#]*)") or ""):gmatch("([^&=]+)=([^&]*)") do told[decoded(name)] = decoded(value) end
  if not is_utf8(told.request_id or "") or not is_utf8(told.name or "") or not is_utf8(told.value or "") then
    return nil, "the query is not UTF-8"
  end
  local value = told.value
  if value then
    -- A number, true, false and null are what they are; anything else is a text.
    local whole = value:sub(1, 1) ~= '"' and word_end(value, 1) == #value + 1
    value = whole and value or quoted(value)
  end
  local outcome, why = checked({
    request_id = told.request_id and quoted(told.request_id), name = told.name and quoted(told.name), value = value,
  })
  return outcome and {outcome}, why
end

-- (size of the file, whether its last line is whole: a full disk may have cut it)
local function state()
  local file = io.open(FILE, "rb")
  if not file then return 0, true end
  local size = file:seek("end") or 0
  if size > 0 then file:seek("end", -1) end
  local whole = size == 0 or file:read(1) == "\n"
  file:close()
  return size, whole
end

-- One write for all outcomes of a report: another worker's come before or behind, never between.
local function written(outcomes, now)
  local size, whole = state()
  if size >= MOST then return nil, "too many outcomes wait to be read" end
  local parts = {whole and "" or "\n"}
  for _, outcome in ipairs(outcomes) do
    parts[#parts + 1] = ('{"id":%s,"at":%.6f,"name":%s,"value":%s}\n'):format(outcome.id, now, outcome.name, outcome.value)
  end
  local file, why = io.open(FILE, "ab")
  if not file then return nil, why end
  file:setvbuf("no")
  local done
  done, why = file:write(table.concat(parts))
  file:close()
  return done, why
end

local function received(handle, headers)
  local declared = tonumber(headers:get("content-length") or "0")
  if declared and declared > LARGEST then return nil, "413" end
  if headers:get(":method") == "GET" then return "" end
  local body = handle:body()
  if not body then return "" end
  if body:length() > LARGEST then return nil, "413" end
  return body:getBytes(0, body:length())
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method, path = headers:get(":method"), headers:get(":path")
  if method ~= "GET" and method ~= "POST" then return refused(handle, "405", "GET or POST an outcome") end
  local body, status = received(handle, headers)
  if not body then return refused(handle, status, "an outcome has at most " .. LARGEST .. " bytes") end
  local outcomes, why
  if body == "" then
    outcomes, why = from_query(path)
  elseif not is_utf8(body) then
    why = "the body is not UTF-8"
  else
    outcomes, why = from_body(body)
  end
  if not outcomes then return refused(handle, "400", why) end
  local now = tonumber(handle:timestampString(EnvoyTimestampResolution.MICROSECOND)) / 1e6
  local done, fault = written(outcomes, now)
  if not done then
    handle:logErr("outcomes are not kept: " .. tostring(fault))
    return refused(handle, "503", "the outcome was not kept: try again later")
  end
  handle:respond({[":status"] = "204"}, "")
end
