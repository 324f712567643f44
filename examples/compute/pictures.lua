-- A picture takes its time, but no worker's: it is computed on a thread of its own, compiled.
local gate       = require "moongate"
local mandelbrot = require "lib.mandelbrot"

local WIDTH, HEIGHT = 100, 36

local input = { detail = { "integer", min = 1, max = 10000000 } }

gate.get("/mandelbrot/{detail}", {
  within = "30s",
  input  = input,
  calls  = {
    picture = gate.compute("lib.mandelbrot", "draw", { args = { WIDTH, HEIGHT, "{detail}" } }),
  },
  reply  = function(_, got)
    return gate.reply { headers = { ["X-Computed-In"] = got.picture.ms .. " ms" }, text = got.picture.body }
  end,
})

-- The same function, called where it should not be: this worker does nothing else meanwhile.
gate.get("/here/{detail}", {
  input = { detail = { "integer", min = 1, max = 100000 } },
  reply = function(req)
    return mandelbrot.draw(WIDTH, HEIGHT, req.params.detail)
  end,
})

gate.get("/hello", { reply = { hello = "world" } })
