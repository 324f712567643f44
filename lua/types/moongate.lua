---@meta moongate

-- What `require "moongate"` gives to route files. These files are for editors: nothing of them is
-- run. tests/lua/types_spec.lua holds them to what the library has.

---A time such as `"200ms"` `"1.5s"` `"2m"` `"1h"`: never a bare number.
---@alias moongate.Duration string

---A size such as `"16KiB"` `"1MiB"`: never a bare number.
---@alias moongate.Size string

---What stands for itself in paths, queries, headers and SQL.
---@alias moongate.Scalar string|number|boolean

---What JSON can say: texts, numbers, booleans, `gate.null`, lists, tables of these.
---@alias moongate.Json any

---A `reply` in Lua: what it returns becomes the reply, a table as JSON, a string as text,
---`gate.reply { ... }` as it says.
---@alias moongate.ReplyFunction fun(req: moongate.Request, got: table<string, moongate.Result>): any

---Declares routes: `gate` itself, or what the function of a group is given.
---@class moongate.Routes
local Routes = {}

---Declares a route for GET; HEAD comes for free.
---@param path string with `{name}` for a segment and `{rest...}` for all that is left: `"/account/{id}"`
---@param route moongate.Route|moongate.ReplyFunction a function is short for `{ reply = fn }`
function Routes.get(path, route) end

---Declares a route for POST.
---@param path string with `{name}` for a segment and `{rest...}` for all that is left
---@param route moongate.Route|moongate.ReplyFunction a function is short for `{ reply = fn }`
function Routes.post(path, route) end

---Declares a route for PUT.
---@param path string with `{name}` for a segment and `{rest...}` for all that is left
---@param route moongate.Route|moongate.ReplyFunction a function is short for `{ reply = fn }`
function Routes.put(path, route) end

---Declares a route for PATCH.
---@param path string with `{name}` for a segment and `{rest...}` for all that is left
---@param route moongate.Route|moongate.ReplyFunction a function is short for `{ reply = fn }`
function Routes.patch(path, route) end

---Declares a route for DELETE.
---@param path string with `{name}` for a segment and `{rest...}` for all that is left
---@param route moongate.Route|moongate.ReplyFunction a function is short for `{ reply = fn }`
function Routes.delete(path, route) end

---Declares a route for any of these methods, `"*"` for all of them.
---@param method "GET"|"POST"|"PUT"|"PATCH"|"DELETE"|"*"
---@param path string with `{name}` for a segment and `{rest...}` for all that is left
---@param route moongate.Route|moongate.ReplyFunction a function is short for `{ reply = fn }`
function Routes.route(method, path, route) end

---Declares what `fn` declares, with a common prefix and common keys. What is nearer to a route wins.
---@param prefix string of the paths; may be empty
---@param keys moongate.GroupKeys
---@param fn fun(api: moongate.Routes)
---@overload fun(prefix: string, fn: fun(api: moongate.Routes))
function Routes.group(prefix, keys, fn) end

---@class moongate.Gate : moongate.Routes
---@field null userdata the null of JSON: kept where nil would vanish; indexing it gives nil
---@field json moongate.GateJson JSON as text
---@field crypto moongate.GateCrypto digests, encodings of bytes, random ids
local gate = {}

---The HTTP service that `services` of gateway.lua has under this name.
---@param name string
---@return moongate.Service
function gate.service(name) end

---The SQLite or PostgreSQL database that `databases` of gateway.lua has under this name.
---@param name string
---@return moongate.Database
function gate.database(name) end

---The folder that `files` of gateway.lua has under this name.
---@param name string
---@return moongate.Files
function gate.files(name) end

---The Redis that `redis` of gateway.lua has under this name.
---@param name string
---@return moongate.Redis
function gate.redis(name) end

---A constant as the result of a call, late if asked: for prototypes.
---@param value moongate.Json
---@param options? moongate.ValueOptions
---@return moongate.Call
function gate.value(value, options) end

---In the `calls` of a route: one call for each element of a list, whose result has their bodies in
---the elements' order. `gate.each("{orders.body[].user}", users:get "/users/{each}", { at_once = 8 })`
---@param list string one placeholder
---@param call moongate.Call with `{each}`, `{each.id}`
---@param options? moongate.EachOptions about the whole
---@return moongate.Call
function gate.each(list, call, options) end

---A function of a module of lib/, called on a thread of its own: for what takes processor time. Its
---result is what the function returns. `gate.compute("lib.score", "run", { args = { "{body}" } })`
---@param module string such as "lib.score"
---@param name string of the function, such as "run"
---@param options? moongate.ComputeOptions
---@return moongate.Call
function gate.compute(module, name, options) end

---The value of a secret that `secrets` of gateway.lua has under this name.
---@param name string
---@return string
function gate.secret(name) end

---Data under a name that all workers of the process share.
---@param name string
---@return moongate.Shared
function gate.shared(name) end

---Runs all calls at once; their results under the same keys. The first required failure cancels the
---rest and is raised.
---@generic K
---@param calls table<K, moongate.Call|moongate.Future>
---@return table<K, moongate.Result>
function gate.all(calls) end

---The first success and its key; the rest are cancelled. When all fail, a problem is raised.
---@param calls table<any, moongate.Call|moongate.Future>
---@return moongate.Result
---@return any key
function gate.first(calls) end

---Each call as it lands, failures as results:
---`for key, result, rest in gate.as_completed { ... } do`
---@param calls table<any, moongate.Call|moongate.Future>
---@return fun(): any, moongate.Result, moongate.Rest
function gate.as_completed(calls) end

---A call for each item of a list, results in the list's order; equal GETs are made once.
---@generic T
---@param list T[]
---@param fn fun(item: T, place: integer): moongate.Call
---@param options? { at_once: integer? }
---@return moongate.Result[]
function gate.map(list, fn, options) end

---Waits, and lets others run.
---@param time moongate.Duration
function gate.sleep(time) end

---What is left of the request's time.
---@return number ms
function gate.left() end

---Runs `fn` once after the reply, however the request ended; what was registered last runs first. Each
---may wait for calls, and has `limits.finally` of time.
---@param fn fun(status: integer) gets the reply's status; 499 when the client left before there was one
function gate.finally(fn) end

---Runs `fn` whenever the clock reaches a multiple of a time, once in the process and never twice at once.
---@param every moongate.Duration from 100ms to 168h
---@param name string no other has it
---@param options moongate.EveryOptions
---@param fn fun()
---@overload fun(every: moongate.Duration, name: string, fn: fun())
function gate.every(every, name, options, fn) end

---@class moongate.EveryOptions
---@field within? moongate.Duration time for a run; `limits.every` unless given

---Declares a task: a function that runs after its request was answered, and outlives a crash.
---@param name string no other has it
---@param options moongate.TaskOptions
---@param fn fun(args: any, task: moongate.RunningTask): any
---@return moongate.Task
---@overload fun(name: string, fn: fun(args: any, task: moongate.RunningTask): any): moongate.Task
function gate.task(name, options, fn) end

---@class moongate.TaskOptions
---@field within? moongate.Duration time for a run; 10m unless given
---@field keep? moongate.Duration time to live after its end; 1h unless given
---@field tries? integer how often it is begun at most, where a process ends in the middle; 1 unless given
---@field owner? string one placeholder, such as `"{headers.x-user}"`: who may see it

---The reply to a request that has started a task: 202, and in `Location` where to look for it.
---@param id string
---@return moongate.Reply
function gate.accepted(id) end

---@class moongate.Task
local Task = {}

---Starts it: it is kept when this returns, and runs soon.
---@param args any what JSON can say
---@return string id
function Task:start(args) end

---Declares GET and DELETE `/{task}` and GET `/{task}/result`.
---@param api moongate.Routes a group, or gate itself
function Task:routes(api) end

---@class moongate.RunningTask
---@field id string as its start has returned it
---@field attempt integer from 1: how often it was begun
local RunningTask = {}

---How far it has come, from 0 to 1.
---@param part number
function RunningTask:progress(part) end

---Adds to its result, which is kept on disk.
---@param text string
function RunningTask:write(text) end

---A reply in full.
---@param fields moongate.ReplyFields
---@return moongate.Reply
function gate.reply(fields) end

---A reply that sends the client elsewhere.
---@param url string
---@param status? integer 302 unless given
---@return moongate.Reply
function gate.redirect(url, status) end

---Ends the request with a problem (RFC 9457).
---@param status integer 400 to 599
---@param detail? string
---@param members? table `headers` are sent with it, all else become members of the problem
function gate.fail(status, detail, members) end

---Marks a table as a list, so that an empty one is written as `[]`.
---@generic T
---@param list T[]
---@return T[]
function gate.list(list) end

---@class moongate.GateJson
local GateJson = {}

---JSON with keys in byte order: equal data gives equal text. NaN and functions are errors.
---@param value moongate.Json
---@return string
function GateJson.encode(value) end

---What a JSON text says; nil and why, if it is none.
---@param text string
---@return moongate.Json? value
---@return string? why
function GateJson.decode(text) end

---A text that is JSON already, to be written as it stands.
---@param text string
---@return moongate.Json
function GateJson.raw(text) end

---@class moongate.GateCrypto
local GateCrypto = {}

---SHA-256.
---@param text string
---@return string digest 32 bytes: `hex` or `base64` writes them
function GateCrypto.sha256(text) end

---HMAC-SHA-256.
---@param key string
---@param text string
---@return string digest 32 bytes: `hex` or `base64` writes them
function GateCrypto.hmac(key, text) end

---Whether two texts are the same, told in a time that does not show where they differ.
---@param a any
---@param b any
---@return boolean
function GateCrypto.equal(a, b) end

---Bytes as hex digits.
---@param bytes string
---@return string
function GateCrypto.hex(bytes) end

---The bytes that hex digits stand for.
---@param text string
---@return string? bytes nil when it is no hex
function GateCrypto.unhex(text) end

---Bytes as base64.
---@param bytes string
---@return string
function GateCrypto.base64(bytes) end

---The alphabet of URLs, without padding.
---@param bytes string
---@return string
function GateCrypto.base64url(bytes) end

---The bytes that a base64 text stands for.
---@param text string of either alphabet, padded or not
---@return string? bytes nil when it is no base64
function GateCrypto.unbase64(text) end

---A random UUID (version 4).
---@return string
function GateCrypto.uuid() end

---A number from 0 to n - 1 that is always the same for a key, on every machine.
---@param key string
---@param n integer
---@return integer
function GateCrypto.bucket(key, n) end

return gate
