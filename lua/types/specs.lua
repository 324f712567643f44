---@meta _

-- What specs find beside busted's describe, it and assert: for spec/**/*_spec.lua alone.

---Begins a request, which runs until it waits: `drive("GET /account/42")`; or of the one route of a
---file: `drive("account.lua", { params = { id = 42 } })`.
---@param request string
---@param options? moongate.SpecRequest
---@return moongate.SpecRun
function drive(request, options) end

---A success. Of a service a table is JSON and a string text; of a database its rows, its row, or
---`{ changes =, last_id = }`; of Redis a value; of a folder what is read.
---@param body moongate.Json
---@param options? moongate.SpecOptions
---@return moongate.SpecAnswer
function ok(body, options) end

---Of a service any status; of a database or a folder 404: no such row, no such file.
---@param code integer
---@param body moongate.Json
---@param options? moongate.SpecOptions
---@return moongate.SpecAnswer
function status(code, body, options) end

---A failure: `failed "timeout"`.
---@param kind moongate.Kind
---@param message? string for people
---@return moongate.SpecAnswer
function failed(kind, message) end

---Marks a table as a JSON list, also an empty one.
---@param t table
---@return table
function list(t) end

---The null of JSON.
---@type userdata
null = nil

---@class moongate.SpecAnswer

---@class moongate.SpecOptions
---@field headers? table<string, string> of the answer

---@class moongate.SpecRequest
---@field headers? table<string, string|string[]> in any case
---@field query? table<string, moongate.Scalar|moongate.Scalar[]> added to the path
---@field params? table<string, moongate.Scalar> for the `{names}` of the path
---@field json? moongate.Json the body, as JSON
---@field form? table<string, moongate.Scalar> the body, as a form
---@field text? string the body, as it is

---@class moongate.SpecRun
---@field out? moongate.SpecReply the reply, once there is one
---@field calls table<integer|string, moongate.SpecCall> in the order of their start; the first of a name
---@field open string[] names of the calls that are open, in that order
---@field most integer how many were open at once
local Run = {}

---Answers open calls, oldest first, and what this leads to, as far as there are answers: by the
---call's name; in a function by its key in `gate.all`, or its backend's name; or in order. Several
---calls of one name take a list, or a function of the call.
---@param answers table<string|integer, moongate.SpecAnswer|moongate.SpecAnswer[]|moongate.SpecAnswerer>
---@return moongate.SpecReply?
function Run.answer(answers) end

---@alias moongate.SpecAnswerer fun(call: moongate.SpecCall): moongate.SpecAnswer

---Moves the clock.
---@param time moongate.Duration
---@return moongate.SpecReply?
function Run.tick(time) end

---The client closes its connection.
function Run.leave() end

---@class moongate.SpecReply
---@field status integer of HTTP
---@field json? moongate.Json the body, when it says that it is JSON
---@field text string the body as it came; compared by `assert.same` when it is no JSON
---@field headers table<string, string> in any case
---@field whole boolean false: it was cut

---@class moongate.SpecCall
---@field name string of the call; of one without, its backend's
---@field backend string as in gateway.lua
---@field kind "http"|"sql"|"file"|"redis"|"value" of the backend
---@field at number ms from the beginning of the request until it was started
---@field ended? number the same, until it ended
---@field how? moongate.Kind|"ok"|"unheard" how it ended
---@field method? string HTTP
---@field path? string HTTP, files
---@field target? string HTTP: path and query as they are sent
---@field query? table<string, string|string[]> HTTP
---@field headers? table<string, string> HTTP, in any case
---@field text? string HTTP: the body that it sends
---@field json? moongate.Json HTTP: the same, decoded
---@field verb? string SQL, files, Redis
---@field sql? string the statement
---@field args? moongate.Json[] what is bound
---@field parts? moongate.SpecCall[] SQL: of a transaction
---@field command? string[] Redis
---@field commands? string[][] Redis: of a transaction
