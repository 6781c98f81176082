-- mlship: copies of requests for challengers, whose answers no user sees. HAProxy 2.6 or later, in section `global`:
--     lua-load /etc/haproxy/mlship-copies.lua
-- txn.mlship_copies says BACKEND:SHARE:BACKEND:SHARE..., shares in parts of 10 000.

local URL = "http://127.0.0.1:18080" -- the frontend `mlship-copies`
local MOST = 64 -- copies under way at once; what is more is dropped, so that a challenger that hangs costs no memory
local PATIENCE = 10000 -- milliseconds

-- A copy must not act in a user's name, and it is sent anew: how its body came does not matter.
local LEFT_BEHIND = {
  ["authorization"] = true, ["proxy-authorization"] = true, ["cookie"] = true, ["connection"] = true, ["upgrade"] = true,
  ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true,
}
local METHODS = { GET = "get", HEAD = "head", POST = "post", PUT = "put", DELETE = "delete" }

local under_way = 0

local function headers_of(asked, challenger)
  local kept = {}
  for name, values in pairs(asked) do
    if not LEFT_BEHIND[name] then
      kept[name] = {}
      for _, value in pairs(values) do table.insert(kept[name], value) end
    end
  end
  kept["x-mlship-shadow"] = { challenger }
  return kept
end

-- Only a body that is here as a whole is copied.
local function whole(asked, body)
  if asked["upgrade"] or asked["transfer-encoding"] then return false end
  local length = asked["content-length"]
  return not length or tonumber(length[0]) == #body
end

local function send(method, request)
  under_way = under_way + 1
  core.register_task(function()
    local client = core.httpclient()
    pcall(client[method], client, request)
    under_way = under_way - 1
  end)
end

core.register_action("mlship_copy", { "http-req" }, function(txn)
  local method = METHODS[txn.sf:method()]
  local asked = txn.http:req_get_headers()
  local body = txn.sf:req_body() or ""
  if not method or not whole(asked, body) then return end
  for challenger, share in string.gmatch(txn:get_var("txn.mlship_copies"), "([^:]+):(%d+)") do
    if math.random(10000) <= tonumber(share) and under_way < MOST then
      local request = { url = URL .. txn.sf:pathq(), headers = headers_of(asked, challenger), timeout = PATIENCE }
      if #body > 0 then request.body = body end
      send(method, request)
    end
  end
end)
