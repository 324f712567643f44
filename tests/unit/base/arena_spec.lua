local core = require "support.core"
local places = require "support.places"
local C = core.cdef "base/arena.h"
local ffi = require "ffi"

local reuse = places.sanitize == "" -- sanitizer builds give every block back to malloc

describe("an arena with a store", function()
  local store

  local function arena()
    local made = ffi.new "struct mg_arena"
    made.store = store
    return made
  end

  before_each(function()
    store = ffi.new "struct mg_arena_store"
    store.most = 2
  end)

  after_each(function()
    C.mg_arena_store_fini(store)
    assert.equal(0, store.count)
  end)

  it("leaves its small blocks for the next one", function()
    local first, second = arena(), arena()
    local room = C.mg_arena_alloc(first, 100)
    C.mg_arena_fini(first)
    assert.equal(reuse and 1 or 0, store.count)
    local again = C.mg_arena_alloc(second, 100)
    assert.equal(0, store.count)
    assert.is_true(not reuse or again == room)
    C.mg_arena_fini(second)
  end)

  it("leaves no more than the store takes, and none that is large", function()
    local arenas = {}
    for i = 1, 4 do
      arenas[i] = arena()
      ffi.fill(C.mg_arena_alloc(arenas[i], i == 1 and 10000 or 2000), 2000, i)
    end
    for _, each in ipairs(arenas) do
      C.mg_arena_fini(each)
      assert.is_true(each.blocks == nil and each.used == 0)
    end
    assert.equal(reuse and 2 or 0, store.count)
  end)

  it("has two of small blocks before it takes larger ones", function()
    local made = arena()
    for _ = 1, 14 do
      C.mg_arena_alloc(made, 512)
    end
    assert.equal(2 * 4096, tonumber(made.used))
    C.mg_arena_alloc(made, 512)
    assert.equal(4 * 4096, tonumber(made.used))
    C.mg_arena_fini(made)
  end)
end)

describe("an arena that is empty", function()
  it("has an address for nothing: none would mean that there is no memory", function()
    local empty = ffi.new "struct mg_arena"
    assert.is_true(C.mg_arena_zero(empty, 0, 16) ~= nil)
    C.mg_arena_fini(empty)
  end)
end)
