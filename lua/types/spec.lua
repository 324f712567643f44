---@meta _

-- What specs find as globals, run by `moongate test`; `describe`, `it` and `assert` are busted's.

---A request begins. Everything that can happen without time going by has happened when it returns.
---`drive "GET /account/42"`, `drive("GET /account/{id}", { params = { id = 7 } })`; also a file of one route
---@param request string
---@param options? moongate.DriveOptions
---@return moongate.Run
function drive(request, options) end

---How a backend answers: with success.
---@param body any of a service a table is JSON; of a database rows, a row, or `{ changes =, last_id = }`
---@param options? { headers: table<string, string>? }
---@return moongate.Answer
function ok(body, options) end

---How a backend answers: with this status; 404 of a database or a folder: it is not there.
---@param code integer
---@param body? any
---@param options? { headers: table<string, string>? }
---@return moongate.Answer
function status(code, body, options) end

---How a call ends that fails.
---@param kind moongate.Kind
---@param message? string
---@return moongate.Answer
function failed(kind, message) end

---Marks a table as a list, so that an empty one is written as `[]`.
---@generic T
---@param elements T[]
---@return T[]
function list(elements) end

---The null of JSON.
---@type userdata
null = nil

---What `ok`, `status` and `failed` make.
---@class moongate.Answer

---@class moongate.DriveOptions
---@field headers? table<string, string|string[]> of the request
---@field query? table<string, moongate.Scalar|moongate.Scalar[]> added to its path
---@field params? table<string, moongate.Scalar> for the `{name}`s of a route's path
---@field json? moongate.Json its body
---@field form? table<string, moongate.Scalar|moongate.Scalar[]> its body
---@field text? string its body

---@alias moongate.Answering fun(call: moongate.CallMade): moongate.Answer

---A request under way.
---@class moongate.Run
---@field out moongate.Out? the reply, once there is one
---@field calls table<integer|string, moongate.CallMade> in the order in which they were started, and by name
---@field open string[] names of the calls that wait for an answer
---@field most integer how many were open at once
local Run = {}

---Answers open calls by their names, oldest first, and what this leads to. A list of answers, or a
---function of the call that returns one, is for calls of the same name.
---@param answers table<string|integer, moongate.Answer|moongate.Answer[]|moongate.Answering>
---@return moongate.Out?
function Run.answer(answers) end

---Moves the clock.
---@param time moongate.Duration
---@return moongate.Out?
function Run.tick(time) end

---The client closes its connection.
function Run.leave() end

---A reply, as a table of its status and its `json` or `text`.
---@class moongate.Out
---@field status integer of HTTP
---@field json moongate.Json? the body, decoded
---@field text string the body as it was sent
---@field body moongate.Json json, or text where that is none
---@field headers table<string, string> looked up in any case
---@field whole boolean it was not cut

---A call that was made.
---@class moongate.CallMade
---@field name string its name; of a function's call its key, or its backend's name
---@field backend string its name in gateway.lua
---@field kind "http"|"sql"|"file"|"redis"|"value"|"compute"|"task" as calls have it
---@field method string? of HTTP
---@field target string? of HTTP: path and query as they are sent
---@field path string? of HTTP, or of a file
---@field query table<string, string|string[]>? of HTTP
---@field headers table<string, string>? of HTTP, looked up in any case
---@field text string what it sends
---@field json moongate.Json? the same, decoded
---@field body moongate.Json json, or text where that is none
---@field verb string? of a database, a folder, Redis; of gate.compute the function; of a task `"start"` ...
---@field sql string? of a database
---@field args moongate.Json? of a database, of gate.compute; what a task is started with
---@field module string? of gate.compute
---@field task string? of a task: its name
---@field ticket string? of a task: its id
---@field owner string? of a task
---@field parts table[]? of a transaction
---@field command string[]? of Redis
---@field commands string[][]? of a transaction
---@field at number ms from the beginning of the request
---@field ended number? ms from the beginning of the request
---@field how string? how it ended: `"ok"` (it was answered), `"timeout"`, `"cancelled"` ...; nil: it is open
