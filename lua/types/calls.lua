---@meta _

-- Backends, the calls that they describe, and what becomes of calls.

---@class moongate.Service
local Service = {}

---A GET. `users:get("/users/{id}", { within = "100ms" })`
---@param path string
---@param options? moongate.HttpOptions
---@return moongate.Call
function Service:get(path, options) end

---A POST: `users:post("/users", { json = { name = "{body.name}" } })`
---@param path string
---@param options? moongate.HttpOptions
---@return moongate.Call
function Service:post(path, options) end

---A PUT; its body is one of `json` `form` `text` `xml`.
---@param path string
---@param options? moongate.HttpOptions
---@return moongate.Call
function Service:put(path, options) end

---A PATCH; its body is one of `json` `form` `text` `xml`.
---@param path string
---@param options? moongate.HttpOptions
---@return moongate.Call
function Service:patch(path, options) end

---A DELETE.
---@param path string
---@param options? moongate.HttpOptions
---@return moongate.Call
function Service:delete(path, options) end

---A HEAD: status and headers alone.
---@param path string
---@param options? moongate.HttpOptions
---@return moongate.Call
function Service:head(path, options) end

---A call with the client's own method.
---@param path string
---@param options? moongate.HttpOptions
---@return moongate.Call
function Service:request(path, options) end

---@class moongate.Database
local Database = {}

---All rows. Values are bound, as `?` in SQLite, as `$1` in PostgreSQL; options come last.
---@param sql string
---@param ... moongate.Scalar|moongate.CallOptions|userdata|nil
---@return moongate.Call
function Database:query(sql, ...) end

---The first row; one that is not there counts as 404 for `relay`.
---@param sql string
---@param ... moongate.Scalar|moongate.CallOptions|userdata|nil
---@return moongate.Call
function Database:one(sql, ...) end

---Changes things: its body is `{ changes, last_id }`.
---@param sql string
---@param ... moongate.Scalar|moongate.CallOptions|userdata|nil
---@return moongate.Call
function Database:run(sql, ...) end

---All of the calls in one transaction, or none of them; its body is the list of their results.
---@param calls moongate.Call[] of this database
---@param options? moongate.CallOptions
---@return moongate.Call
function Database:atomic(calls, options) end

---@class moongate.Files
local Files = {}

---A file as text; with `pass` as it comes, with its media type, `ETag` and ranges.
---@param path string below the folder
---@param options? moongate.FileOptions
---@return moongate.Call
function Files:read(path, options) end

---A file that is JSON.
---@param path string below the folder
---@param options? moongate.FileOptions
---@return moongate.Call
function Files:json(path, options) end

---What is known of a file without reading it.
---@param path string below the folder
---@param options? moongate.FileOptions
---@return moongate.Call
function Files:stat(path, options) end

---What is in a folder.
---@param path string below the folder
---@param options? moongate.FileOptions
---@return moongate.Call
function Files:list(path, options) end

---What the last argument of every verb may say.
---@class moongate.CallOptions
---@field within? moongate.Duration its time, never past the request's
---@field optional? boolean it may fail: its body is nil then, and `Moongate-Partial` names it
---@field fallback? moongate.Json the body to use when it fails
---@field accept? integer|integer[] statuses that count as success beside 2xx
---@field relay? integer|integer[] statuses with which the request ends as they are
---@field needs? string|string[] calls of the route to wait for that no placeholder shows
---@field when? moongate.When in plans: whether it is made; else it is `skipped`

---Is asked when what the call waits for has landed; sees nothing else in `got`. Cannot wait or make calls.
---@alias moongate.When fun(req: moongate.Request, got: table<string, moongate.Result>): boolean?

---@class moongate.HttpOptions : moongate.CallOptions
---@field query? table<string, moongate.Scalar|moongate.Scalar[]> a list says its name once per element
---@field headers? table<string, moongate.Scalar> sent with it
---@field json? moongate.Json the body; one of `json` `form` `text` `xml`
---@field form? table<string, moongate.Scalar|moongate.Scalar[]> the body, as forms are sent
---@field text? string the body, as it stands
---@field xml? string the body; what placeholders stand for is escaped
---@field params? table<string, moongate.Scalar> in running functions: what the `{name}`s of the path are
---@field redirects? integer how many to follow, at most 3; none unless said
---@field forward? moongate.Forward what of the client's request goes along

---@class moongate.Forward
---@field headers? "*"|string[] `"*"`: all but those of the connection
---@field query? "*"|string[] fields of its query

---@class moongate.FileOptions : moongate.CallOptions
---@field params? table<string, moongate.Scalar> in running functions: what the `{name}`s of the path are

---@class moongate.ValueOptions : moongate.CallOptions
---@field delay? moongate.Duration how late it lands

---@class moongate.ComputeOptions : moongate.CallOptions
---@field args? moongate.Json[] what the function is called with

---@class moongate.EachOptions
---@field at_once? integer how many of its calls are in flight at once; 8 unless said
---@field within? moongate.Duration the time of the whole
---@field optional? boolean the whole may fail
---@field fallback? moongate.Json the body to use when it fails
---@field needs? string|string[] calls of the route to wait for that no placeholder shows
---@field when? moongate.When whether any of them is made

---A description of one thing to ask of one backend; making one does nothing. Routes list them under
---`calls`, running functions wait for them.
---@class moongate.Call
local Call = {}

---In running functions: runs it. A failure that is not optional is raised.
---@return moongate.Result
function Call:wait() end

---In running functions: starts it, to be waited for later.
---@return moongate.Future
function Call:start() end

---@class moongate.Future
local Future = {}

---The result; a failure that is not optional is raised.
---@param within? moongate.Duration nil comes back when it has not landed in that time; it goes on
---@return moongate.Result?
function Future:wait(within) end

---Whether it has landed.
---@return boolean landed
function Future:done() end

---Its answer is no longer wanted.
function Future:cancel() end

---What of `gate.as_completed` has not landed yet.
---@class moongate.Rest
local Rest = {}

---Nobody wants their answers any more.
function Rest:cancel() end

---How a call has ended.
---@class moongate.Result
---@field ok boolean a success, or a status in `accept`
---@field status integer? of HTTP
---@field headers table<string, string> looked up in any case; `set-cookie` is a list
---@field body any decoded JSON, rows, or text; nil when the call failed and has no `fallback`
---@field text string? the body as it came
---@field error moongate.Failure? why it failed
---@field ms integer from start to end
---@field name string of the call

---@class moongate.Failure
---@field kind moongate.Kind for programs
---@field message string for people; clients are not told it

---@alias moongate.Kind
---| "timeout" it ran out of time
---| "refused" there was no connection
---| "reset" the connection was lost
---| "dns" the name was not found
---| "tls" the connection could not be trusted
---| "malformed" the answer is not what it says it is
---| "status" a status that means failure
---| "too_large" the answer is larger than its limit
---| "busy" its queue is full, or the wait too long
---| "cancelled" nobody wanted it any more
---| "missing" a value that it needs is not there
---| "skipped" it was not to be made
---| "sql" the database says no
---| "redis" Redis says no
---| "file" the file cannot be read
---| "lua" an error in Lua

---Data that all workers of the process share.
---@class moongate.Shared
local Shared = {}

---The value under a key.
---@param key string|integer
---@return moongate.Json? value nil when there is none
function Shared:get(key) end

---Stores a value under a key.
---@param key string|integer
---@param value moongate.Json
---@param ttl? moongate.Duration after which it goes by itself
function Shared:set(key, value, ttl) end

---Stores where nothing is.
---@param key string|integer
---@param value moongate.Json
---@param ttl? moongate.Duration after which it goes by itself
---@return boolean added
function Shared:add(key, value, ttl) end

---Adds a whole number to what is there, or to 0.
---@param key string|integer
---@param by? integer 1 unless given
---@param ttl? moongate.Duration from when the key is made
---@return integer value the new one
function Shared:incr(key, by, ttl) end

---Takes away what is under a key.
---@param key string|integer
---@return boolean was_there
function Shared:delete(key) end

---Stores what `fn` makes of the value if nobody else stored meanwhile, else runs `fn` again.
---@param key string|integer
---@param fn fun(value: moongate.Json?): moongate.Json cannot wait or make calls
---@param ttl? moongate.Duration from when the key is made
---@return moongate.Json value the new one
function Shared:update(key, fn, ttl) end
