-- Clients that do anything in any order: the server must end each request once and keep nothing.
local net = require "unit.net.server"
local serve, request, chunked = net.serve, net.request, net.chunked

local pieces = {
  request("GET", "/echo"),
  request("GET", "/never"),
  request("HEAD", "/after?5"),
  request("POST", "/after?10", {}, "later"),
  request("POST", "/early", {}, ("x"):rep(300)),
  request("POST", "/early", { "Content-Length: 100000" }),
  request("POST", "/small", {}, ("x"):rep(20)),
  request("POST", "/echo", { "Expect: 100-continue", "Content-Length: 4" }),
  request("POST", "/echo", { "Content-Length: 9000" }),
  request("GET", "/big?300000"),
  request("GET", "/gone?30000"),
  request("GET", "/echo", { "Connection: close" }),
  "GET /echo HTTP/1.0\r\n\r\n",
  chunked("/echo", "a", "bc", ("d"):rep(1000)),
  "\r\n", "GET /half HTTP/1.1\r\nHo", "nonsense\r\n\r\n",
}

local function misbehave(client)
  for _ = 1, math.random(1, 6) do
    local bytes = pieces[math.random(#pieces)]
    if math.random(4) == 1 then
      local at = math.random(#bytes)
      client:send(bytes:sub(1, at))
      if math.random(2) == 1 then
        client:read(math.random(0, 3))
      end
      bytes = bytes:sub(at + 1)
    end
    client:send(bytes)
    if math.random(3) == 1 then
      client:read(math.random(0, 10))
      client.got = ""
    end
  end
end

local ends = { "close", "reset", "finish" }

local options = { header_ms = 60, body_idle_ms = 40, idle_ms = 80, write_ms = 60, linger_ms = 30,
                  pipelined = 700, requests = 5, send_room = 8192 }

describe("a crowd of clients that do anything", function()
  for seed = 1, 4 do
    it("is got rid of, seed " .. seed, function()
      serve(options, function(server)
        math.randomseed(seed)
        for i = 1, 300 do
          local client = server:connect(4096)
          misbehave(client)
          client[ends[math.random(3)]](client)
          if i == 290 and seed > 2 then
            server:drain()
          end
        end
        for _, client in ipairs(server.clients) do
          if client.fd >= 0 then
            client:rest(0)
          end
        end
      end)
    end)
  end
end)
