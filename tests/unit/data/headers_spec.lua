local core = require "support.core"
local C = core.cdef("data/header_name.h", "data/headers.h")

local connection = {
  "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE",
  "Trailer", "Transfer-Encoding", "Upgrade",
}
local ends = {
  "Accept", "Accept-Language", "Content-Encoding", "Content-Language", "Content-Length",
  "Content-Type", "Expect", "Host", "User-Agent",
}

local function constant(name)
  return C["MG_HEADER_" .. name:upper():gsub("-", "_")]
end

local function name_of(text)
  return tonumber(C.mg_header_name_of(core.str(text)))
end

describe("a header name that means something here", function()
  it("is told in any case", function()
    for _, list in ipairs { connection, ends } do
      for _, name in ipairs(list) do
        local known = tonumber(constant(name))
        assert.equal(known, name_of(name), name)
        assert.equal(known, name_of(name:lower()), name)
        assert.equal(known, name_of(name:upper()), name)
      end
    end
  end)

  it("is not taken for one that differs in a single byte", function()
    for _, list in ipairs { connection, ends } do
      for _, name in ipairs(list) do
        for i = 1, #name do
          local byte = name:byte(i)
          for _, other in ipairs { byte == 0x2d and 0x0d or byte + 2, 0x80 + byte % 0x80, 0 } do
            local text = name:sub(1, i - 1) .. string.char(other) .. name:sub(i + 1)
            assert.equal(0, name_of(text), text)
          end
        end
        assert.equal(0, name_of(name .. "s"), name)
      end
    end
    assert.equal(0, name_of "")
  end)

  it("ends with the connection where it speaks of that", function()
    local headers = require("ffi").new "struct mg_headers"
    for _, name in ipairs(connection) do
      assert.is_true(C.mg_headers_hop_by_hop(headers, core.str(name)), name)
    end
    for _, name in ipairs(ends) do
      assert.is_false(C.mg_headers_hop_by_hop(headers, core.str(name)), name)
    end
  end)
end)

describe("what a Connection field names", function()
  local function named(value)
    local arena, headers = core.arena(), require("ffi").new "struct mg_headers"
    local name, text = core.str "connection", core.str(value)
    assert(C.mg_headers_add(headers, arena, name, text))
    return C.mg_headers_connection_names(headers)
      and C.mg_headers_hop_by_hop(headers, core.str "X-One")
  end

  it("ends with the connection, too", function()
    assert.is_true(named "x-one")
    assert.is_true(named "close, X-ONE")
    assert.is_true(named "keep-alive , x-one,te")
    for _, value in ipairs { "", "close", "Keep-Alive", "x-two", "x-one-more" } do
      assert.is_false(named(value), value)
    end
  end)
end)

describe("a header value", function()
  it("has no control byte but tabs, wherever that stands", function()
    for len = 1, 20 do
      for at = 1, len do
        for byte = 0, 255 do
          local text = ("v"):rep(at - 1) .. string.char(byte) .. ("\255"):rep(len - at)
          local control = (byte < 0x20 and byte ~= 9) or byte == 0x7f
          if C.mg_headers_value_ok(core.str(text)) == control then
            error(("byte %d at %d of %d"):format(byte, at, len))
          end
        end
      end
    end
    assert.is_true(C.mg_headers_value_ok(core.str ""))
  end)
end)

describe("a comparison in any case", function()
  it("is one of letters alone", function()
    for len = 1, 20 do
      for at = 1, len do
        for byte = 0, 255 do
          local rest = ("Ab"):rep(10)
          local text = rest:sub(1, at - 1) .. string.char(byte) .. rest:sub(at + 1, len)
          local other = (rest:sub(1, at - 1) .. string.char(bit.bxor(byte, 0x20)) .. rest:sub(at + 1, len))
          local letter = text:sub(at, at):match "%a" ~= nil
          if C.mg_str_eq_nocase(core.str(text), core.str(other)) ~= letter
            or not C.mg_str_eq_nocase(core.str(text), core.str(text:lower())) then
            error(("byte %d at %d of %d"):format(byte, at, len))
          end
        end
      end
    end
  end)
end)
