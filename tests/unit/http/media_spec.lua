-- Media types of files, by the end of their names.
local core = require "support.core"
local C = core.cdef "http/media.h"

local function of(path)
  return core.text(C.mg_media_type(core.str(path)))
end

describe("a file's media type", function()
  it("is told by its extension, in any case", function()
    for path, type in pairs {
      ["a.html"] = "text/html; charset=utf-8", ["a/b/c.CSS"] = "text/css; charset=utf-8",
      ["app.min.js"] = "text/javascript; charset=utf-8", ["a.txt"] = "text/plain; charset=utf-8",
      ["data.json"] = "application/json", ["x.tar.gz"] = "application/gzip", ["Photo.JPeG"] = "image/jpeg",
      ["logo.svg"] = "image/svg+xml", ["v.mp4"] = "video/mp4", ["f.woff2"] = "font/woff2", ["m.wasm"] = "application/wasm",
      ["d.pdf"] = "application/pdf", ["a.7z"] = "application/x-7z-compressed", ["z.zst"] = "application/zstd",
      ["site.webmanifest"] = "application/manifest+json", ["a.b/c.png"] = "image/png",
    } do
      assert.equal(type, of(path), path)
    end
  end)

  it("is octets when nothing is known", function()
    for _, path in ipairs { "", ".", "/", "Makefile", "a.", "a.unknown", "a.html.", "a.html/b", ".html", "a/.html",
      "a." .. ("x"):rep(300), "a.htmlhtmlhtmlhtmlhtml", "a.html\0", "a.\0" } do
      assert.equal("application/octet-stream", of(path), (path:gsub("%z", "NUL")))
    end
  end)

  it("is found for every extension of the table, which is sorted", function()
    local places = require "support.places"
    local file = assert(io.open(places.checkout .. "/core/http/media.c", "rb"))
    local text, count, before = file:read "*a", 0, ""
    file:close()
    for extension, type in text:gmatch '\n    {"([%w]+)", "([^"]+)"' do
      assert.equal(type, of("a." .. extension):match "^[^;]+", extension)
      assert.is_true(before < extension, extension)
      before, count = extension, count + 1
    end
    assert.is_true(count > 50)
  end)
end)
