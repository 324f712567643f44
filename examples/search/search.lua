-- Five shards are asked at once; what they find is merged by score. Two of them may fail.
local gate = require "moongate"

local calls = {}
for i = 1, 5 do
  calls["s" .. i] = gate.service("s" .. i):get("/search", {
    query = { q = "{query.q}" }, within = "500ms", optional = true,
  })
end

gate.get("/search", {
  within = "2s",
  input  = { query = { q = "string" } },
  calls  = calls,
  reply  = function(_, got)
    local found, failed = gate.list {}, 0
    for _, shard in pairs(got) do
      failed = failed + (shard.ok and 0 or 1)
      for _, hit in ipairs(shard.ok and shard.body or {}) do
        found[#found + 1] = hit
      end
    end
    if failed > 2 then
      gate.fail(503, ("%d of 5 shards have failed"):format(failed))
    end
    table.sort(found, function(a, b)
      return a.score > b.score or (a.score == b.score and a.title < b.title)
    end)
    return { hits = found, shards = 5 - failed }
  end,
})
