local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef("backend/url.h", "backend/address.h")

describe("a service's URL", function()
  local function parse(text)
    local url = ffi.new "struct mg_url"
    local kept = core.str(text)
    local wrong = C.mg_url_parse(kept, url)
    return wrong == nil and url or nil, wrong ~= nil and ffi.string(wrong) or nil, kept
  end

  it("has a scheme, a host, a port and a path", function()
    local url, _, kept = parse "HTTPS://Api.example.com:8443/v1?x" -- luacheck: ignore kept
    assert.is_true(url.secure)
    assert.same({ "Api.example.com", 8443, "HTTPS://Api.example.com:8443", "/v1?x", false },
      { core.text(url.host), url.port, core.text(url.base), core.text(url.path), url.literal })
    url, _, kept = parse "http://[::1]"
    assert.same({ "[::1]", 80, "", true }, { core.text(url.host), url.port, core.text(url.path),
        url.literal })
    url, _, kept = parse "https://127.0.0.1/"
    assert.same({ 443, true }, { url.port, url.literal })
  end)

  it("says what is wrong with it", function()
    for text, words in pairs {
      ["ftp://x"] = "does not start with http", ["users"] = "does not start with http",
      ["http://"] = "no host", ["http:///x"] = "no host", ["http://a:b"] = "port",
      ["http://a:0"] = "port", ["http://a:65536"] = "port", ["http://a:"] = "port",
      ["http://u:p@h"] = "user name", ["http://u@h"] = "user name", ["http://a b"] = "host",
      ["http://h/\1"] = "path", ["http://h#f"] = "path", ["http://h\\x"] = "path",
      ["http://1.2.3"] = "host", ["http://0x7f.1"] = "host", ["http://1.2.3.4."] = "host",
      ["http://[::1]x"] = "address", ["http://h\195\164"] = "host", ["http://[127.0.0.1"] = "host",
      [("http://" .. ("a"):rep(254))] = "host",
    } do
      local url, wrong = parse(text)
      assert.is_nil(url, text)
      assert.is_truthy(wrong:find(words, 1, true), text .. ": " .. wrong)
    end
  end)

  it("may be a unix socket where the author says so, and nowhere else", function()
    for text, parts in pairs {
      ["unix:/run/app.sock"] = { "/run/app.sock", "" }, ["unix:app.sock:/api/v1"] = { "app.sock", "/api/v1" },
      ["unix:/a:b/app.sock:/"] = { "/a:b/app.sock", "/" }, ["unix:/" .. ("a"):rep(106)] = { "/" .. ("a"):rep(106), "" },
    } do
      local url, kept = ffi.new "struct mg_url", core.str(text)
      assert.is_true(C.mg_url_parse_own(kept, url) == nil, text)
      assert.same({ parts[1], parts[2], "localhost", 80, "http://localhost", true, false },
        { core.text(url.socket), core.text(url.path), core.text(url.host), url.port, core.text(url.base), url.literal, url.secure })
      local _, wrong = parse(text)
      assert.is_truthy(wrong:find("does not start with http", 1, true), wrong)
    end
    for _, text in ipairs { "unix:", "unix:/" .. ("a"):rep(107), "unix:/x:/a b", "unix:/x:/a#b" } do
      local url, kept = ffi.new "struct mg_url", core.str(text)
      assert.is_true(C.mg_url_parse_own(kept, url) ~= nil, text)
    end
  end)
end)

describe("an address", function()
  local function public(text)
    local address = ffi.new "struct mg_address"
    assert.is_true(C.mg_address_parse(core.str(text), address), text)
    return C.mg_address_public(address)
  end

  it("is public when it is out on the internet", function()
    for _, text in ipairs {
      "93.184.216.34", "1.1.1.1", "172.32.0.1", "172.15.0.1", "100.63.0.1", "100.128.0.1",
      "223.255.255.255", "2606:4700::1111", "[2a00::1]", "64:ff9b::5db8:d822", "2002:5db8:d822::",
    } do
      assert.is_true(public(text), text)
    end
    for _, text in ipairs {
      "0.1.2.3", "127.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
      "169.254.169.254", "100.64.0.1", "198.19.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255",
      "::", "::1", "::ffff:8.8.8.8", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "2002:a00:1::",
      "64:ff9b::a00:1", "2001::1",
    } do
      assert.is_false(public(text), text)
    end
  end)

  it("is written in one way only", function()
    local address = ffi.new "struct mg_address"
    for _, text in ipairs {
      "127.1", "0177.0.0.1", "2130706433", "127.0.0.1 ", "::1%lo", "", "[]", "localhost",
      "1.2.3.4\0",
    } do
      assert.is_false(C.mg_address_parse(core.str(text), address), text)
    end
    local room = ffi.new("char[?]", C.MG_ADDRESS_TEXT)
    for _, text in ipairs { "127.0.0.1", "[::1]", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]" } do
      assert.is_true(C.mg_address_parse(core.str(text), address))
      C.mg_address_text(address, room)
      assert.equal(text, ffi.string(room))
    end
  end)
end)
