-- Shards 1 to 3 find; the fourth is broken, the fifth slow; "storm" breaks the third.
local gate = require "moongate"

local DOCUMENTS = {
  ["1"] = { { title = "desk lamp", score = 7 }, { title = "tea cup", score = 5 } },
  ["2"] = { { title = "lamp shade", score = 9 }, { title = "storm lamp", score = 3 } },
  ["3"] = { { title = "lampoon", score = 1 }, { title = "chair", score = 8 } },
}

gate.get("/{shard}/search", { within = "2m", reply = function(req)
  local shard, word, hits = req.params.shard, req.query.q or "", gate.list {}
  if shard == "5" then
    gate.sleep "60s"
  end
  if shard == "4" or (shard == "3" and word == "storm") then
    gate.fail(503, "this shard is broken")
  end
  for _, document in ipairs(DOCUMENTS[shard] or {}) do
    if document.title:find(word, 1, true) then
      hits[#hits + 1] = document
    end
  end
  return hits
end })
