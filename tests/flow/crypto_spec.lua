-- gate.crypto against published vectors: FIPS 180-4, RFC 4231, RFC 4648; and what it refuses.
local gateway = require "support.gateway"

local routes = [=[
local gate = require "moongate"
local c = gate.crypto
local hex = c.hex

gate.get("/sha256", function()
  local longest = ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
  return { hex(c.sha256 ""), hex(c.sha256 "abc"), hex(c.sha256(longest)), hex(c.sha256(("a"):rep(1000000))) }
end)
gate.post("/hmac", function(req)
  local list = {}
  for i, one in ipairs(req.body) do
    list[i] = hex(c.hmac(c.unhex(one[1]), c.unhex(one[2])))
  end
  return list
end)
gate.get("/base64", function()
  local list = {}
  for i, text in ipairs { "", "f", "fo", "foo", "foob", "fooba", "foobar", "\251\255\254" } do
    local plain, url = c.base64(text), c.base64url(text)
    list[i] = { plain, url, c.unbase64(plain) == text, c.unbase64(url) == text }
  end
  return list
end)
gate.get("/none", function()
  local list = {}
  for _, text in ipairs { "Z", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm 9v", "Zg==Zg==", "=", "====", "Zm9v\n", "Zm9*" } do
    list[#list + 1] = c.unbase64(text) == nil
  end
  for _, text in ipairs { "0", "0g", "0x00", " 00" } do
    list[#list + 1] = c.unhex(text) == nil
  end
  return list
end)
gate.get("/hex", function() return { c.hex "\0\255az", c.unhex "00FFff61" == "\0\255\255a", c.unhex "" == "" } end)
gate.get("/equal", function()
  return { c.equal("", ""), c.equal("abc", "abc"), c.equal("abc", "abd"), c.equal("abc", "ab"), c.equal(nil, "a"), c.equal(1, 1) }
end)
gate.get("/uuid", function()
  local seen, right = {}, true
  for _ = 1, 1000 do
    local one = c.uuid()
    right = right and not seen[one] and one:find "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$" ~= nil
    seen[one] = true
  end
  return { right = right }
end)
gate.get("/bucket", function()
  local counts = { 0, 0, 0, 0 }
  for i = 1, 4000 do
    local at = c.bucket("user " .. i, 4)
    counts[at + 1] = counts[at + 1] + 1
  end
  return { counts = counts, abc = c.bucket("abc", 1000), one = c.bucket("x", 1), most = c.bucket("abc", 2 ^ 31) }
end)
gate.get("/misuse", function()
  local list = {}
  for i, fn in ipairs {
    function() return c.sha256(1) end, function() return c.hmac("k") end, function() return c.bucket("k", 0) end,
    function() return c.bucket("k", 1.5) end, function() return c.md5 end, function() c.md5 = 1 end,
    function() return c.hex(("x"):rep(1024 * 1024):rep(1)) and c.base64 end,
  } do
    local ok, why = pcall(fn)
    list[i] = ok and "ok" or why
  end
  return list
end)
gate.post("/long", { limits = { body = "20MiB" }, reply = function(req) return hex(c.sha256(req.text)) end })
]=]

describe("gate.crypto", function()
  local g
  setup(function() g = gateway.start { ["gateway.lua"] = { limits = { script = "5s" } }, ["routes.lua"] = routes } end)
  teardown(gateway.clean)

  it("makes the digests of FIPS 180-4", function()
    assert.same({
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    }, g:get("/sha256"):json())
  end)

  it("makes the codes of RFC 4231", function()
    local function bytes(count, byte)
      return byte:rep(count)
    end
    local function hex(text)
      return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    end
    local cases = {
      { bytes(20, "0b"), hex "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
      { hex "Jefe", hex "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
      { bytes(20, "aa"), bytes(50, "dd"), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
      { "0102030405060708090a0b0c0d0e0f10111213141516171819", bytes(50, "cd"),
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
      { bytes(131, "aa"), hex "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
      { bytes(131, "aa"), hex("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
        .. "hashed before being used by the HMAC algorithm."), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
    }
    local asked, wanted = {}, {}
    for i, case in ipairs(cases) do
      asked[i], wanted[i] = ('["%s","%s"]'):format(case[1], case[2]), case[3]
    end
    assert.same(wanted, g:post("/hmac", { body = "[" .. table.concat(asked, ",") .. "]" }):json())
  end)

  it("writes and reads base64 as RFC 4648 does", function()
    assert.same({
      { "", "", true, true }, { "Zg==", "Zg", true, true }, { "Zm8=", "Zm8", true, true }, { "Zm9v", "Zm9v", true, true },
      { "Zm9vYg==", "Zm9vYg", true, true }, { "Zm9vYmE=", "Zm9vYmE", true, true }, { "Zm9vYmFy", "Zm9vYmFy", true, true },
      { "+//+", "-__-", true, true },
    }, g:get("/base64"):json())
  end)

  it("reads nothing from what is no base64 and no hex", function()
    for i, none in ipairs(g:get("/none"):json()) do
      assert.is_true(none, i)
    end
    assert.same({ "00ff617a", true, true }, g:get("/hex"):json())
  end)

  it("compares, makes ids, and puts keys into buckets", function()
    assert.same({ true, true, false, false, false, false }, g:get("/equal"):json())
    assert.is_true(g:get("/uuid"):json().right)
    local got = g:get("/bucket"):json()
    for i = 1, 4 do
      assert.is_true(got.counts[i] > 850 and got.counts[i] < 1150, got.counts[i])
    end
    -- ba7816bf 8f01cfea, the first 8 bytes of SHA-256("abc"), modulo 1000 and 2^31
    assert.same({ 74, 0, 0x0f01cfea }, { got.abc, got.one, got.most })
  end)

  it("says what it does not take", function()
    local got = g:get("/misuse"):json()
    for i, text in ipairs {
      "gate.crypto.sha256 takes texts, not 1", "gate.crypto.hmac takes texts, not nothing", "a whole number from 1 on, not 0",
      "a whole number from 1 on, not 1.5", "there is no gate.crypto.md5", "gate.crypto is read-only", "ok",
    } do
      assert.is_truthy(got[i]:find(text, 1, true), got[i])
    end
    assert.equal(200, g:post("/long", { body = ("x"):rep(16 * 1024 * 1024) }).status)
    assert.equal(500, g:post("/long", { body = ("x"):rep(16 * 1024 * 1024 + 1) }).status)
  end)
end)
