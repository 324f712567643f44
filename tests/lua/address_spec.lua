local support = require "lua.support"

describe("an address", function()
  local address

  before_each(function()
    support.fresh()
    address = require "moongate.address"
  end)

  local function sorts(check, right, wrong)
    for _, text in ipairs(right) do
      assert.is_nil(check(text), text)
    end
    for _, text in ipairs(wrong) do
      assert.is_string(check(text), text)
    end
  end

  it("to listen on is numeric and has a port", function()
    sorts(address.listen,
      { "127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "[::]:65535", "[fe80::1:2]:80",
        "[::ffff:127.0.0.1]:80" },
      { "", "8080", ":8080", "*:80", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "256.0.0.1:80",
        "127.0.0.01:80", "::1:80", "[::1]", "[1::2::3]:80", "[12345::]:80", "[1:2:3:4:5:6:7:8:9]:80",
        "127.0.0.1:80/", " 127.0.0.1:80", "127.0.0.1:-1" })
  end)

  it("of a network is numeric and has as many bits as it can", function()
    sorts(address.network,
      { "10.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "fd00::/8", "::1", "::/0", "1:2:3:4:5:6:7:8/128" },
      { "", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "example.com", "10.0.0.0/", "10.0.0.0/8/8", ":::" })
  end)

  it("of a service is a URL that paths can be put behind", function()
    sorts(address.url,
      { "http://127.0.0.1:9001", "https://users.example.com", "http://users", "http://[::1]:80/",
        "https://a-b.example.com:443/api/v1", "http://under_score" },
      { "", "127.0.0.1:9001", "ftp://a", "http://", "http:///x", "http://a?x=1", "http://a/#b",
        "http://me@a", "http://me:pw@a/", "http://a:0", "http://a:99999", "http://a:x", "http://a:",
        "http://a b", "http://a\r\n", "http://256.1.1.1", "http://1.2.3", "http://[::1", "http://a..b",
        "http://-a", "http://a.1", "http://a.0x7f.", "http://1.2.3.4.", "http://a/{id}", "http://caf\195\169", "HTTP//a" })
  end)

  it("to listen on may be a unix socket, with a mode", function()
    local long = "unix:/" .. ("a"):rep(106)
    sorts(address.listen, { "unix:/run/x.sock", "unix:x", "unix:./a/b", "unix:/x?mode=600", "unix:/x?mode=0660", long },
      { "unix:", "unix:/", "unix:a/", "unix:/a b", "unix:/a\0", "unix:/x?mode=", "unix:/x?mode=60", "unix:/x?mode=1777", "unix:/x?mode=680",
        "unix:/x?", "unix:/x?m=600", "unix:/x#", "unix:/x:1", long .. "a" })
  end)

  it("of a service may be a unix socket, with a prefix", function()
    sorts(address.url, { "unix:/run/x.sock", "unix:x", "unix:/x:/api", "unix:/x:/" },
      { "unix:", "unix:/", "unix:/x:", "unix:/x:80", "unix:/x:api", "unix:/x?mode=600", "unix:/x:/a?b", "unix:/x:/{id}", "unix:/x:/a:/b",
        "unix:/x:/caf\195\169", "unix:/" .. ("a"):rep(107) })
  end)

  it("of a trusted proxy may be a unix socket", function()
    sorts(address.network, { "unix" }, { "unix:", "unix:/x" })
  end)
end)
