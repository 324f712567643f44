-- The front page: HTML made by a function.
local gate = require "moongate"
local page = require "lib.page"

local examples = {
  { path = "/account/42", what = "five calls to five places, merged into one reply" },
  { path = "/account/99", what = "orders are too slow: the fallback, and a header that says so" },
  { path = "/account/forty-two", what = "wrong input: 400, before any call is made" },
  { path = "/account/1", what = "no such account: a 404, relayed" },
  { path = "/compare/42/7", what = "a function that makes four calls at once" },
  { path = "/account/42/points", json = '{"add":50}', what = "a POST: an update, then a query" },
}

gate.get("/", function(req)
  return gate.reply { html = page(req.headers.host, examples) }
end)
