-- The front page as HTML: one file, nothing loaded from elsewhere, light or dark as the reader has it.
local HEAD = [[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Moongate</title>
<style>
:root { color-scheme: light dark; --fg: #1c2128; --dim: #5c6673; --bg: #fbfbfa; --card: #fff;
  --line: #e2e4e8; --moon: #5b54c9; --bar: #b9b5ee }
@media (prefers-color-scheme: dark) { :root { --fg: #e4e7ec; --dim: #98a2b0; --bg: #14161b;
  --card: #1b1e25; --line: #2d323c; --moon: #a8a2ff; --bar: #5650a6 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 3rem 1.25rem; max-width: 46rem; background: var(--bg);
  color: var(--fg); font: 16px/1.55 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -.02em }
h1::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .45em;
  border-radius: 50%; box-shadow: inset -.22em 0 0 .02em var(--moon) }
h2 { margin: 2.4rem 0 .7rem; font-size: 1.05rem }
p { margin: .5rem 0; color: var(--dim) }
code, pre { font: .86rem/1.5 ui-monospace, SFMono-Regular, Menlo, monospace }
ul { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--card); overflow: hidden }
li + li { border-top: 1px solid var(--line) }
a { display: block; padding: .6rem .9rem; color: inherit; text-decoration: none }
a:hover, a:focus-visible { background: color-mix(in srgb, var(--moon) 9%, transparent); outline: 0 }
a code { display: block; color: var(--moon); overflow-wrap: anywhere }
a span { color: var(--dim); font-size: .9rem }
pre { margin: 0; padding: .7rem .9rem; border-top: 1px dashed var(--line); overflow-x: auto }
dl { display: grid; grid-template-columns: 5rem 1fr; gap: .35rem .8rem; margin: .8rem 0 }
dt { color: var(--dim); font-size: .9rem }
dd { margin: 0; display: flex; align-items: center; font-size: .8rem; color: var(--dim) }
dd i { height: .75rem; margin: 0 .5rem 0 calc(var(--from) * 1%); width: calc(var(--for) * 1%);
  min-width: 3px; border-radius: 3px; background: var(--bar) }
</style>
<h1>Moongate</h1>
<p>This gateway is the folder <code>routes/</code>. Each route below is a few lines of Lua; the calls
that it describes are made at once, and one reply comes back.</p>
<h2>Try it</h2>
<ul>
]]

local FOOT = [[
</ul>
<h2>What <code>/account/42</code> waits for</h2>
<dl>
<dt>profile</dt><dd><i style="--from:0;--for:33"></i>30 ms</dd>
<dt>credit</dt><dd><i style="--from:33;--for:44"></i>40 ms after profile</dd>
<dt>orders</dt><dd><i style="--from:0;--for:55"></i>50 ms</dd>
<dt>wallet</dt><dd><i style="--from:0;--for:1"></i>a row of SQLite</dd>
<dt>banner</dt><dd><i style="--from:0;--for:1"></i>a file</dd>
</dl>
<p>About 70 ms in all, not the 120 that the same calls take one after the other.
<code>build/moongate routes routes</code> shows the plan, <code>routes/account.lua</code> is its source.</p>
<script>
// Without this the links simply open; with it the reply is shown in place.
document.querySelector("ul").addEventListener("click", async event => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const shown = link.nextElementSibling || link.parentNode.appendChild(document.createElement("pre"));
  const options = link.dataset.json && { method: "POST", body: link.dataset.json,
    headers: { "Content-Type": "application/json" } };
  const began = performance.now();
  try {
    const reply = await fetch(link.href, options);
    const text = await reply.text(), ms = Math.round(performance.now() - began);
    const partial = reply.headers.get("Moongate-Partial");
    shown.textContent = `${reply.status} ${reply.statusText} in ${ms} ms\n` +
      (partial ? `Moongate-Partial: ${partial}\n` : "") +
      JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    shown.textContent = String(error);
  }
});
</script>
]]

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub('[&<>"]', ESCAPES))
end

local function command(host, one)
  local json = one.json and (" -H 'Content-Type: application/json' -d '%s'"):format(one.json) or ""
  return ("curl -i %s%s%s"):format(host, one.path, json)
end

---@param host string as the client wrote it
---@param examples { path: string, what: string, json: string? }[] `json`: the body of a POST
---@return string html
return function(host, examples)
  local items = {}
  for i, one in ipairs(examples) do
    local data = one.json and (' data-json="%s"'):format(escape(one.json)) or ""
    items[i] = ('<li><a href="%s"%s><code>%s</code><span>%s</span></a></li>\n')
      :format(escape(one.path), data, escape(command(host, one)), escape(one.what))
  end
  return HEAD .. table.concat(items) .. FOOT
end
